/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop help.
 */
#include "cli/command.h"
#include "cli/help.h"
#include "cli/print.h"

int cmd_help(const struct command *c, struct err *e)
{
	const struct cli_command *about = NULL;
	struct text t = TEXT_IN(c->arena);

	if (c->call->operands.count)	/* the main function refused names that are none */
		about = cli_command_find(c->call->operands.items[0]);
	help_print(&t, c->call->program, about);
	return print_out(&t, e);
}
