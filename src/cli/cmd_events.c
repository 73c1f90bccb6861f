/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop events. Each event is a line that is written at once: whoever reads them waits for them.
 */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/print_stats.h"
#include "cli/quantity.h"

static int print_event(void *argument, const struct stats *stats, struct err *e)
{
	const char *id = argument;
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);

	if (stats)
		print_stats(&t, id, stats);
	else
		print_oom(&t, id);
	return print_out(&t, e);
}

int cmd_events(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	char *id = c->call->operands.items[0];
	struct life_events x = {
		.id = id,
		.once = v->stats,
		.interval_ns = 5000000000,	/* runc's; the manual says it */
		.event = print_event,
		.argument = id,
	};

	if (v->interval && !quantity_time(v->interval, &x.interval_ns)) {
		err_set(e, ERR_USAGE, "invalid value \"%.80s\" for flag -interval: parse error",
			v->interval);
		return err_hint(e, "give a number with a unit: 5s, 100ms, 1m30s");
	}
	return life_events(&c->life, &x, e);
}
