/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop run. In the foreground its result is the program's exit status.
 */
#include "cli/command.h"

int cmd_run(const struct command *c, struct err *e)
{
	struct life_create create = cmd_create_options(c);

	return life_run(&c->life, &create, e);
}
