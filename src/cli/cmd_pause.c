/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop pause, orlop resume.
 */
#include "cli/command.h"

int cmd_pause(const struct command *c, struct err *e)
{
	return life_pause(&c->life, c->call->operands.items[0], c->call->values.timeout_ms, e);
}

int cmd_resume(const struct command *c, struct err *e)
{
	return life_resume(&c->life, c->call->operands.items[0], e);
}
