/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop kill.
 */
#include <signal.h>

#include "cli/command.h"
#include "oci/words.h"

int cmd_kill(const struct command *c, struct err *e)
{
	const struct str_list *operands = &c->call->operands;
	int number = SIGTERM;

	if (operands->count > 1) {
		number = words_signal(operands->items[1]);
		if (number < 0)
			return err_set(e, ERR_USAGE, "unknown signal \"%.40s\"", operands->items[1]);
	}
	return life_kill(&c->life, operands->items[0], number, c->call->values.all, e);
}
