/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop release.
 */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/report.h"

int cmd_release(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct text t = TEXT_IN(c->arena);
	struct guard_report report;
	bool done;

	if (life_release(&c->life, c->call->operands.items[0], v->reason, c->arena, &report, e))
		return -1;
	done = report.result == GUARD_CONTAINED;
	(v->json ? report_print_json : report_print)(&t, &report,
						     done ? "released" : "released-partial", false);
	if (print_out(&t, e))
		return -1;
	return done ? 0 : 2;
}
