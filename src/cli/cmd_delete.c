/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop delete.
 */
#include "cli/command.h"

int cmd_delete(const struct command *c, struct err *e)
{
	return life_delete(&c->life, c->call->operands.items[0], c->call->values.force, e);
}
