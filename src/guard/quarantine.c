/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The order is the point: first the wish to freeze, which costs one write and stops
 * most of what executes while the rest is done; then the network, what is on its way out before
 * what is only new; then what the container could get; then waiting, which may take as long as it
 * was given, with everything in force already; then looking for ways around all that; then telling
 * systemd, which may hang, what it must not undo.
 *
 * The journal is written before what it is about, so that whoever finds it knows what to take
 * back. Where it cannot be written (a full disk) only that is done which can be found again
 * without it: the freeze, and programs that are known by their names.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/cgroup.h"
#include "engine/cgroup_dir.h"
#include "guard/freeze.h"
#include "guard/held.h"
#include "guard/hook.h"
#include "guard/limits.h"
#include "guard/netarm.h"
#include "guard/netcut.h"
#include "guard/outcome.h"
#include "guard/scan.h"
#include "guard/still.h"
#include "guard/tasks.h"
#include "guard/unit.h"
#include "orlop/auto.h"

/* LOCK_MS: then whoever holds the journal hangs, and containment does not wait for it. */
enum { DEFAULT_TIMEOUT_MS = 250, LOCK_MS = 2000, THAW_MS = 250, NS_PER_US = 1000,
	NS_PER_MS = 1000000 };

struct quarantine {
	const struct guard_request *request;
	struct held held;
	struct journal journal;
	struct limits limits;
	struct netcut_rule *rules;
	struct guard_report *report;
	struct policy policy;
	struct arena *arena;
	struct err not_asked;		/* why the freeze could not be asked for; code 0: it was */
};

static int read_rules(struct quarantine *q, struct err *e)
{
	const struct str_list *allow = &q->request->allow;

	if (allow->count > NETCUT_RULES_MAX)
		return err_set(e, ERR_USAGE, "--allow is given %zu times, %d are possible",
			       allow->count, NETCUT_RULES_MAX);
	q->rules = arena_new_array(q->arena, struct netcut_rule, allow->count);
	for (size_t i = 0; i < allow->count; i++)
		if (netcut_rule_read(allow->items[i], &q->rules[i], e) < 0)
			return -1;
	return 0;
}

int guard_check_allow(const char *text, struct err *e)
{
	struct netcut_rule ignored;

	return netcut_rule_read(text, &ignored, e);
}

/* There has to be something to hold. */
static int check_alive(const struct held *h, struct err *e)
{
	struct cgroup_events events = { 0 };
	int got = h->group >= 0 ? cgroup_events_get(h->group, &events) : CGROUP_ABSENT;

	if (!*h->path) {
		err_set(e, ERR_STATE, "container \"%.80s\" has no cgroup, which is what holds it",
			h->id);
		return err_hint(e, "kill ends it");
	}
	if (got < 0)
		return err_sys(e, "cgroup \"%.200s\": cgroup.events", h->path);
	if (got == CGROUP_ABSENT || !events.populated)
		return err_set(e, ERR_STATE, "container not running");
	return 0;
}

/* Frozen for good, and not for as long as evidence is taken. */
static bool is_paused(const struct held *h)
{
	bool stays;

	return still_kept(h->dir, &stays) ? stays : guard_freeze_asked(h->group);
}

static void write_begin(struct quarantine *q)
{
	bool was_frozen = q->journal.phase == JOURNAL_NONE && is_paused(&q->held);
	const char *detail = NULL;
	struct err e;

	if (journal_begin(&q->journal, q->held.id, q->request, was_frozen, q->report->time,
			  q->arena, &e) < 0)
		detail = arena_strdup(q->arena, e.text);
	outcome_add(q->report, q->arena, "journal", detail ? GUARD_FAILED : GUARD_APPLIED, detail);
}

/* True when the armed program does the work of this place. */
static bool cut_armed(struct quarantine *q, const struct netarm *arm, size_t i,
		      struct guard_mechanism *line)
{
	const struct netcut_hook *hook = &netcut_hooks[i];
	bool others;

	if (q->request->allow.count || !netarm_holds(arm, q->held.group, i, &others))
		return false;
	/* An earlier quarantine may have allowed something there: then nothing is allowed now. */
	if (others)
		netcut_undo(q->held.group, hook, q->arena, line);
	*line = (struct guard_mechanism){ .name = hook->name, .outcome = GUARD_APPLIED,
					  .detail = "armed" };
	return true;
}

/* They are known by their names without it; with it, it is known when there are none. */
static void note_programs(struct quarantine *q)
{
	struct err ignored;

	if (journal_programs(&q->journal, q->arena, &ignored) < 0)
		return;
}

static void cut_one(struct quarantine *q, const struct netcut_hook *hook,
		    struct guard_mechanism *line)
{
	auto_fd int program = netcut_load(hook, q->rules, q->request->allow.count, q->arena, line);

	if (program < 0)
		return;
	note_programs(q);
	netcut_attach(q->held.group, hook, program, q->arena, line);
}

/* The switch first: nothing leaves while programs are put in place that let something through. */
static void cut(struct quarantine *q)
{
	size_t rules = q->request->allow.count;
	auto_netarm arm = NETARM_NONE;

	netarm_open(q->held.dir, &arm);
	if (arm.map >= 0)
		note_programs(q);
	if (arm.map >= 0 && netarm_set(&arm, true) < 0)
		netarm_close(&arm);
	for (size_t i = 0; i < NETCUT_HOOKS; i++) {
		const struct netcut_hook *hook = &netcut_hooks[i];
		struct guard_mechanism *line = outcome_line(q->report, q->arena);

		if (arm.map >= 0 && cut_armed(q, &arm, i, line))
			continue;
		if (rules && hook->only_without_rules) {
			/* An earlier quarantine may have allowed nothing. */
			netcut_undo(q->held.group, hook, q->arena, line);
			line->detail = "left open for what is allowed";
		} else {
			cut_one(q, hook, line);
		}
	}
	if (arm.map >= 0 && rules && netarm_set(&arm, false) < 0)
		outcome_add(q->report, q->arena, "armed", GUARD_FAILED,
			    "the switch cuts what is allowed as well");
}

static void add_lines(struct quarantine *q, const struct guard_mechanism *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*outcome_line(q->report, q->arena) = lines[i];
}

static void limit(struct quarantine *q, enum limits_when when)
{
	struct guard_mechanism lines[LIMITS_COUNT];

	add_lines(q, lines, limits_apply(&q->limits, when, lines));
}

static void lift(struct quarantine *q)
{
	struct guard_mechanism lines[LIMITS_COUNT];

	add_lines(q, lines, limits_lift(&q->limits, lines));
}

/* "3 threads wait in the kernel, 1 is on its way": what the list means. */
static const char *tasks_meaning(const struct guard_tasks *tasks, struct arena *a)
{
	size_t in_kernel = 0;

	for (size_t i = 0; i < tasks->count; i++)
		in_kernel += tasks->items[i].in_kernel;
	if (tasks->more == 0 && in_kernel == tasks->count)
		return arena_printf(a, "%zu not frozen, waiting in the kernel: executes nothing "
				    "outside of it until it is let go, and is frozen then",
				    in_kernel);
	return arena_printf(a, "%zu not frozen, %zu of those listed wait in the kernel",
			    tasks->count + tasks->more, in_kernel);
}

/* Nobody is waited for who was not asked; but whoever was paused before stays so. */
static void not_asked(struct quarantine *q, struct guard_mechanism *line)
{
	struct err ignored;
	const char *why = arena_strdup(q->arena, q->not_asked.text);

	if (guard_freeze_asked(q->held.group) &&
	    freeze_wait(q->held.group, true, 0, &ignored) == 0) {
		line->detail = arena_printf(q->arena, "as it was before; asked again: %s", why);
		return;
	}
	line->outcome = q->not_asked.code == ENOENT ? GUARD_UNSUPPORTED : GUARD_FAILED;
	line->detail = why;
}

static void wait_frozen(struct quarantine *q, uint64_t end)
{
	struct guard_mechanism *line = outcome_line(q->report, q->arena);
	struct err e;
	int frozen;

	*line = (struct guard_mechanism){ .name = "freeze", .outcome = GUARD_APPLIED };
	if (q->not_asked.code) {
		not_asked(q, line);
		return;
	}
	frozen = freeze_wait(q->held.group, true, end, &e);
	if (frozen < 0) {
		line->outcome = GUARD_FAILED;
		line->detail = arena_strdup(q->arena, e.text);
	} else if (frozen > 0) {
		line->outcome = GUARD_BUSY;
		if (tasks_not_frozen(q->held.group, q->arena, &q->report->tasks, &e) < 0)
			line->detail = arena_strdup(q->arena, e.text);
		else
			line->detail = tasks_meaning(&q->report->tasks, q->arena);
	}
}

static void observe(struct quarantine *q)
{
	struct err e;
	int thawed;

	limit(q, LIMITS_OBSERVED);
	thawed = guard_thaw(q->held.group, THAW_MS, &e);
	outcome_add(q->report, q->arena, "thaw", thawed == 0 ? GUARD_APPLIED :
		   thawed > 0 ? GUARD_BUSY : GUARD_FAILED,
		   thawed == 0 ? "it goes on inside the cut" :
		   thawed > 0 ? "a cgroup above it is frozen" : arena_strdup(q->arena, e.text));
}

/* Last: nobody who hangs may come before what holds. */
static void tell_unit(struct quarantine *q)
{
	if (q->held.unit && q->limits.in_force.count)
		unit_tell(&q->held, &q->limits.in_force, q->arena,
			  outcome_line(q->report, q->arena));
}

/* An observed container is cut and looked over while it stands still, then goes on. */
static void contain(struct quarantine *q, uint64_t begin)
{
	unsigned timeout = q->request->timeout_ms ? q->request->timeout_ms : DEFAULT_TIMEOUT_MS;
	uint64_t end = begin + (uint64_t)timeout * NS_PER_MS;
	int before = freeze_hurry();
	struct tables_run *run;

	q->limits = (struct limits){ .group = q->held.group, .by_systemd = q->held.unit != NULL,
				     .journal = &q->journal, .arena = q->arena };
	if (freeze_ask(q->held.group, true, &q->not_asked) == 0)
		q->not_asked.code = 0;
	if (!q->request->observe && !q->not_asked.code)
		lift(q);
	run = tables_begin(q->held.group, end, q->arena);
	cut(q);
	limit(q, LIMITS_AT_ONCE);
	if (q->request->in_force)
		q->request->in_force(q->request->argument);
	wait_frozen(q, end);
	scan_group(&q->held, q->request, run, &q->journal, q->arena, q->report);
	freeze_calm(before);
	if (!q->request->observe) {
		tell_unit(q);
		return;
	}
	/* Without a cut going on would be going on as if nothing had been done. */
	if (!outcome_is_cut(q->report) && !q->not_asked.code) {
		outcome_add(q->report, q->arena, "thaw", GUARD_FAILED, "left frozen, because the "
			    "network is not cut; release lets it go on");
		tell_unit(q);
		return;
	}
	/* That not everybody stood still does not matter to one that goes on. */
	for (size_t i = 0; i < q->report->mechanisms.count; i++)
		if (q->report->mechanisms.items[i].outcome == GUARD_BUSY &&
		    strcmp(q->report->mechanisms.items[i].name, "freeze") == 0)
			q->report->mechanisms.items[i].outcome = GUARD_UNSUPPORTED;
	observe(q);
	tell_unit(q);
}

/* Before the journal is open: its lock is not theirs. */
static void begin_hooks(struct quarantine *q, const char *root)
{
	struct hook_event event = {
		.moment = POLICY_PRE_QUARANTINE, .trigger = q->request->trigger,
		.reason = q->request->reason,
	};
	struct err e;

	if (policy_load(q->held.dir, q->arena, &q->policy, &e) < 0)
		outcome_add(q->report, q->arena, "policy", GUARD_UNSUPPORTED,
			    arena_strdup(q->arena, e.text));
	auto_fd int runs = hook_start(root, q->held.id, &q->policy, &event);
}

static void end_hooks(struct quarantine *q, const char *root)
{
	struct hook_event event = {
		.moment = POLICY_POST_QUARANTINE, .trigger = q->request->trigger,
		.reason = q->request->reason, .result = guard_result_word(q->report->result),
	};
	auto_fd int runs = hook_start(root, q->request->id, &q->policy, &event);
}

static const char *words(const struct str_list *list, struct arena *a)
{
	struct text t = TEXT_IN(a);

	for (size_t i = 0; i < list->count; i++)
		text_printf(&t, "%s%s", i ? " " : "", list->items[i]);
	return list->count ? text_get(&t) : NULL;
}

/* What was not as it should be, for the audit log. */
static const char *not_applied(const struct guard_report *report, struct arena *a)
{
	struct text t = TEXT_IN(a);

	for (size_t i = 0; i < report->mechanisms.count; i++) {
		const struct guard_mechanism *m = &report->mechanisms.items[i];

		if (m->outcome == GUARD_FAILED || m->outcome == GUARD_BUSY)
			text_printf(&t, "%s%s %s", t.len ? ", " : "", m->name,
				    guard_outcome_word(m->outcome));
	}
	for (size_t i = 0; i < report->findings.count; i++)
		if (report->findings.items[i].held == GUARD_HELD_OPEN)
			text_printf(&t, "%s%s open", t.len ? ", " : "",
				    report->findings.items[i].kind);
	return t.len ? text_get(&t) : NULL;
}

static void audit(struct quarantine *q, const char *root, const struct err *failed)
{
	const struct guard_request *request = q->request;
	struct audit_entry entry = {
		.operation = "quarantine", .id = request->id,
		.result = failed ? "refused" : guard_result_word(q->report->result),
		.detail = failed ? failed->text : not_applied(q->report, q->arena),
		.more = {
			{ "mode", request->observe ? "observe" : "frozen" },
			{ "trigger", request->trigger }, { "reason", request->reason },
			{ "allow", words(&request->allow, q->arena) },
		},
	};
	struct err e;

	if (audit_write(root, &entry, &e) < 0 && !failed)
		outcome_add(q->report, q->arena, "audit", GUARD_FAILED,
			    arena_strdup(q->arena, e.text));
}

static int run(struct quarantine *q, const char *root, uint64_t begin, struct err *e)
{
	int opened;

	if (read_rules(q, e) < 0 || held_find(root, q->request->id, q->arena, &q->held, e) < 0 ||
	    check_alive(&q->held, e) < 0)
		return -1;
	begin_hooks(q, root);
	opened = journal_open(q->held.dir, q->held.id, LOCK_MS, q->arena, &q->journal, e);
	if (opened < 0)
		return -1;
	if (opened == JOURNAL_BUSY)
		return err_set(e, ERR_STATE, "container \"%.80s\" is busy: another quarantine or "
			       "release of it is going on", q->held.id);
	write_begin(q);
	contain(q, begin);
	q->report->result = outcome_judge(q->report);
	if (q->journal.fd >= 0 &&
	    journal_end(&q->journal, guard_result_word(q->report->result), held_time(q->arena),
			q->arena, e) < 0)
		outcome_add(q->report, q->arena, "journal-end", GUARD_FAILED,
			   arena_strdup(q->arena, e->text));
	return 0;
}

int guard_quarantine(const char *root, const struct guard_request *request, struct arena *a,
		     struct guard_report *ret, struct err *e)
{
	uint64_t begin = freeze_now();
	struct guard_report report = {
		.id = request->id, .reason = request->reason, .observe = request->observe,
		.time = held_time(a),
	};
	struct quarantine q = {
		.request = request, .held = HELD_NONE, .journal = JOURNAL_CLOSED, .arena = a,
		.report = &report,
	};
	int done = run(&q, root, begin, e);

	journal_close(&q.journal);
	held_close(&q.held);
	report.elapsed_us = (freeze_now() - begin) / NS_PER_US;
	audit(&q, root, done == 0 ? NULL : e);
	if (done == 0)
		end_hooks(&q, root);
	if (done == 0)
		*ret = report;
	return done;
}
