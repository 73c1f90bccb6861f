/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop plan. Without an id it plans for one called "container", as a bundle that was just made
 * has no name yet.
 */
#include <string.h>

#include "cli/command.h"
#include "cli/print.h"

int cmd_plan(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct life_create create = cmd_create_options(c);
	struct text t = TEXT_IN(c->arena);
	struct plan plan;

	if (!create.id)
		create.id = "container";
	if (life_plan(&c->life, &create, c->arena, &plan, e))
		return -1;
	text_puts(&t, v->format && strcmp(v->format, "json") == 0 ?
		      plan_json(&plan, v->explain, c->arena) :
		      plan_text(&plan, v->explain, c->arena));
	if (t.len && t.bytes[t.len - 1] != '\n')
		text_puts(&t, "\n");
	return print_out(&t, e);
}
