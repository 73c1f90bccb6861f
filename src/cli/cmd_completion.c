/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop completion.
 */
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/print.h"

int cmd_completion(const struct command *c, struct err *e)
{
	const char *shell = c->call->operands.items[0];
	struct text t = TEXT_IN(c->arena);

	if (!completion_print(&t, shell)) {
		err_set(e, ERR_USAGE, "no completion for the shell \"%.40s\"", shell);
		return err_hint(e, "there is one for bash, zsh and fish");
	}
	return print_out(&t, e);
}
