/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. First the one word that counts, then a line for each thing that it is made of.
 */
#include "cli/report.h"

#include <string.h>

#include "json/emit.h"

enum { NAME_WIDTH = 14, OUTCOME_WIDTH = 13 };

static void print_rows(struct text *t, const struct guard_report *r)
{
	for (size_t i = 0; i < r->mechanisms.count; i++) {
		const struct guard_mechanism *m = &r->mechanisms.items[i];

		text_printf(t, "  %-*s%-*s%s\n", NAME_WIDTH, m->name, m->detail ? OUTCOME_WIDTH : 0,
			    guard_outcome_word(m->outcome), m->detail ? m->detail : "");
	}
	for (size_t i = 0; i < r->tasks.count; i++) {
		const struct guard_task *task = &r->tasks.items[i];

		text_printf(t, "  not frozen: %d/%d (%s) state %c%s%s\n", (int)task->pid,
			    (int)task->tid, task->name, task->state, *task->where ? " in " : "",
			    task->where);
	}
	if (r->tasks.more)
		text_printf(t, "  not frozen: %zu more\n", r->tasks.more);
	for (size_t i = 0; i < r->findings.count; i++) {
		const struct guard_finding *f = &r->findings.items[i];

		text_printf(t, "  found, %s: %s", guard_held_word(f->held), f->kind);
		if (f->pid)
			text_printf(t, " of process %d", (int)f->pid);
		if (f->fd >= 0)
			text_printf(t, " fd %d", f->fd);
		text_printf(t, ": %s\n", f->detail);
	}
}

static bool is_applied(const struct guard_report *r, const char *name)
{
	for (size_t i = 0; i < r->mechanisms.count; i++)
		if (strcmp(r->mechanisms.items[i].name, name) == 0)
			return r->mechanisms.items[i].outcome == GUARD_APPLIED;
	return false;
}

/* What became of it, which need not be what was asked for. */
static const char *mode_word(const struct guard_report *r)
{
	if (r->observe)
		return is_applied(r, "thaw") ? "observed" : "not observed";
	return is_applied(r, "freeze") ? "frozen" : "not frozen";
}

void report_print(struct text *t, const struct guard_report *report, const char *result,
		  bool quarantine)
{
	text_printf(t, "%s: %s", report->id, result);
	if (quarantine)
		text_printf(t, ", %s", mode_word(report));
	text_printf(t, ", %llu.%03llu ms\n", (unsigned long long)report->elapsed_us / 1000,
		    (unsigned long long)report->elapsed_us % 1000);
	print_rows(t, report);
}

static void emit_tasks(struct emit *m, const struct guard_report *r)
{
	emit_array(m, "notFrozen");
	for (size_t i = 0; i < r->tasks.count; i++) {
		const struct guard_task *task = &r->tasks.items[i];
		char state[2] = { task->state, '\0' };

		emit_object(m, NULL);
		emit_i64(m, "pid", task->pid);
		emit_i64(m, "tid", task->tid);
		emit_str(m, "name", task->name);
		emit_str(m, "state", state);
		emit_str(m, "wchan", task->where);
		emit_bool(m, "inKernel", task->in_kernel);
		emit_end(m);
	}
	emit_end(m);
	emit_u64(m, "notFrozenMore", r->tasks.more);
}

static void emit_findings(struct emit *m, const struct guard_report *r)
{
	emit_array(m, "findings");
	for (size_t i = 0; i < r->findings.count; i++) {
		const struct guard_finding *f = &r->findings.items[i];

		emit_object(m, NULL);
		emit_str(m, "kind", f->kind);
		if (f->pid)
			emit_i64(m, "pid", f->pid);
		if (f->fd >= 0)
			emit_i64(m, "fd", f->fd);
		emit_str(m, "held", guard_held_word(f->held));
		emit_str(m, "detail", f->detail);
		emit_end(m);
	}
	emit_end(m);
}

void report_print_json(struct text *t, const struct guard_report *report, const char *result,
		       bool quarantine)
{
	struct emit m = EMIT_IN(t->arena, 2);

	emit_object(&m, NULL);
	emit_str(&m, "id", report->id);
	emit_str(&m, "result", result);
	if (quarantine)
		emit_str(&m, "mode", report->observe ? "observe" : "frozen");
	emit_str(&m, "time", report->time);
	if (report->reason)
		emit_str(&m, "reason", report->reason);
	emit_u64(&m, "elapsedMicroseconds", report->elapsed_us);
	emit_array(&m, "mechanisms");
	for (size_t i = 0; i < report->mechanisms.count; i++) {
		const struct guard_mechanism *line = &report->mechanisms.items[i];

		emit_object(&m, NULL);
		emit_str(&m, "name", line->name);
		emit_str(&m, "outcome", guard_outcome_word(line->outcome));
		if (line->detail)
			emit_str(&m, "detail", line->detail);
		emit_end(&m);
	}
	emit_end(&m);
	if (quarantine) {
		emit_tasks(&m, report);
		emit_findings(&m, report);
	}
	emit_end(&m);
	text_printf(t, "%s\n", emit_get(&m));
}
