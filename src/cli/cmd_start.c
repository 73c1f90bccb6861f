/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop start.
 */
#include "cli/command.h"

int cmd_start(const struct command *c, struct err *e)
{
	return life_start(&c->life, c->call->operands.items[0], e);
}
