/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop pause, orlop resume.
 */
#include "cli/command.h"

enum { PAUSE_TIMEOUT_MS = 250 };	/* the manual says it */

int cmd_pause(const struct command *c, struct err *e)
{
	uint32_t timeout_ms = c->call->values.timeout_ms;

	return life_pause(&c->life, c->call->operands.items[0],
			  timeout_ms ? timeout_ms : PAUSE_TIMEOUT_MS, e);
}

int cmd_resume(const struct command *c, struct err *e)
{
	return life_resume(&c->life, c->call->operands.items[0], e);
}
