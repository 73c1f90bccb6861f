/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop pause, orlop resume.
 */
#include "cli/command.h"

enum { PAUSE_TIMEOUT_MS = 10 * 1000 };	/* runc's; the manual says it */

int cmd_pause(const struct command *c, struct err *e)
{
	return life_pause(&c->life, c->call->operands.items[0], PAUSE_TIMEOUT_MS, e);
}

int cmd_resume(const struct command *c, struct err *e)
{
	return life_resume(&c->life, c->call->operands.items[0], e);
}
