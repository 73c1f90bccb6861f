/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop state.
 */
#include "cli/command.h"
#include "cli/print.h"

int cmd_state(const struct command *c, struct err *e)
{
	struct text t = TEXT_IN(c->arena);
	struct life_view view;

	if (life_state(&c->life, c->call->operands.items[0], c->arena, &view, e))
		return -1;
	print_state(&t, &view);
	return print_out(&t, e);
}
