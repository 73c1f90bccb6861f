/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop doctor. Its status is 1 when something is bad.
 */
#include "cli/command.h"
#include "cli/print.h"
#include "config.h"
#include "host/probe.h"
#include "json/emit.h"

enum { GRADE_WIDTH = 6, TOPIC_WIDTH = 18 };

static void print_people(struct text *t, const struct probe_report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct probe_line *l = &r->items[i];

		text_printf(t, "%-*s%-*s%s\n", GRADE_WIDTH, probe_grade_word(l->grade), TOPIC_WIDTH,
			    l->topic, l->found);
		if (l->advice)
			text_printf(t, "%*schange: %s\n", GRADE_WIDTH + TOPIC_WIDTH, "", l->advice);
	}
	text_printf(t, "\nThis host can%s run containers: %zu well, %zu to note, %zu bad.\n",
		    r->bad ? "not" : "", r->count - r->notes - r->bad, r->notes, r->bad);
}

static void print_json(struct text *t, const struct probe_report *r)
{
	struct emit m = EMIT_IN(t->arena, 2);

	emit_object(&m, NULL);
	emit_str(&m, "orlop", ORLOP_VERSION);
	emit_bool(&m, "usable", r->bad == 0);
	emit_array(&m, "checks");
	for (size_t i = 0; i < r->count; i++) {
		const struct probe_line *l = &r->items[i];

		emit_object(&m, NULL);
		emit_str(&m, "grade", probe_grade_word(l->grade));
		emit_str(&m, "topic", l->topic);
		emit_str(&m, "found", l->found);
		if (l->advice)
			emit_str(&m, "change", l->advice);
		emit_end(&m);
	}
	emit_end(&m);
	emit_end(&m);
	text_printf(t, "%s\n", emit_get(&m));
}

int cmd_doctor(const struct command *c, struct err *e)
{
	struct text t = TEXT_IN(c->arena);
	struct probe_report report;

	probe_host(c->arena, &report);
	if (c->call->values.json)
		print_json(&t, &report);
	else
		print_people(&t, &report);
	if (print_out(&t, e))
		return -1;
	return report.bad ? 1 : 0;
}
