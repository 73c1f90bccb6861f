/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop facts.
 */
#include "cli/command.h"
#include "cli/print.h"
#include "orlop/host_facts.h"

int cmd_facts(const struct command *c, struct err *e)
{
	struct text t = TEXT_IN(c->arena);
	struct host_facts facts;

	if (host_facts_get_all(c->arena, &facts, e))
		return -1;
	text_puts(&t, host_facts_print(&facts, c->arena));
	return print_out(&t, e);
}
