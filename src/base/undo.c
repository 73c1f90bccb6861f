/* SPDX-License-Identifier: Apache-2.0 */
#include "base/undo.h"

#include <errno.h>

#include "orlop/err.h"

void undo_push(struct undo *u, void (*run)(void *), void *argument)
{
	BUG_ON(u->count == UNDO_MAX);
	u->steps[u->count].run = run;
	u->steps[u->count].argument = argument;
	u->count++;
}

void undo_run(struct undo *u)
{
	int keep = errno;

	while (u->count > 0) {
		u->count--;
		u->steps[u->count].run(u->steps[u->count].argument);
	}
	errno = keep;
}

void undo_forget(struct undo *u)
{
	u->count = 0;
}
