/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop quarantine. Its status says how well the container is held.
 */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/report.h"

static int status_of(enum guard_result result)
{
	return result == GUARD_CONTAINED ? 0 : result == GUARD_PARTIAL ? 2 : 1;
}

int cmd_quarantine(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct guard_request request = {
		.id = c->call->operands.items[0], .reason = v->reason, .observe = v->observe,
		.sever = v->sever, .allow = v->allow, .timeout_ms = v->timeout_ms,
	};
	struct text t = TEXT_IN(c->arena);
	struct guard_report report;

	if (v->frozen && v->observe)
		return err_set(e, ERR_USAGE, "--frozen and --observe exclude each other");
	if (guard_quarantine(c->life.root, &request, c->arena, &report, e))
		return -1;
	(v->json ? report_print_json : report_print)(&t, &report, guard_result_word(report.result),
						     true);
	if (print_out(&t, e))
		return -1;
	return status_of(report.result);
}
