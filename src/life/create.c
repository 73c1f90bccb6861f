/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create: a container whose process waits for `start`.
 */
#include "life/making.h"
#include "orlop/auto.h"

static int make_and_leave(struct making *c, const struct life *l,
			  const struct life_create *create, struct arena *a, struct err *e)
{
	if (making_ready(c, l, create, true, a, e) < 0)
		return -1;
	/* The record is complete before the process is told that it may outlive us. */
	if (making_record(c, e) < 0 || spawn_release(&c->spawn, e) < 0) {
		making_undo(c);
		return -1;
	}
	undo_forget(&c->undo);
	return 0;
}

int life_create(const struct life *l, const struct life_create *create, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct life_create detached = *create;
	struct making c;
	int result;

	detached.detach = true;
	result = make_and_leave(&c, l, &detached, &a, e);
	making_close(&c);
	return result;
}
