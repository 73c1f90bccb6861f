/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Taking a quarantine back: limits, devices, network, then the freeze, then the
 * journal. Each step is one that may be repeated, so a release that was killed is completed by the
 * next one; until then the container counts as held.
 */
#include <errno.h>
#include <unistd.h>

#include "guard/freeze.h"
#include "guard/held.h"
#include "guard/hook.h"
#include "guard/limits.h"
#include "guard/netarm.h"
#include "guard/netcut.h"
#include "guard/outcome.h"
#include "guard/scan.h"
#include "guard/unit.h"
#include "orlop/auto.h"

enum { LOCK_MS = 2000, THAW_MS = 250, NS_PER_US = 1000 };

static bool is_held(const struct held *h, const struct journal *j)
{
	auto_netarm arm = NETARM_NONE;

	netarm_open(h->dir, &arm);
	if (netarm_cuts(&arm))
		return true;
	if (j->phase != JOURNAL_NONE)
		return true;
	for (size_t i = 0; h->group >= 0 && i < NETCUT_HOOKS; i++)
		if (netcut_present(h->group, &netcut_hooks[i]) == 1)
			return true;
	return false;
}

static void let_go_on(const struct held *h, const struct journal *j, struct arena *a,
		      struct guard_report *report)
{
	struct err e;
	int thawed;

	if (j->was_frozen) {
		thawed = freeze_ask(h->group, true, &e);
		if (thawed == 0)
			outcome_add(report, a, "freeze", GUARD_APPLIED,
				   "stays paused, as it was before");
		else
			outcome_add(report, a, "freeze", GUARD_FAILED, arena_strdup(a, e.text));
		return;
	}
	thawed = guard_thaw(h->group, THAW_MS, &e);
	if (thawed == 0)
		outcome_add(report, a, "thaw", GUARD_APPLIED, NULL);
	else if (thawed > 0)
		outcome_add(report, a, "thaw", GUARD_BUSY, "a cgroup above it is frozen");
	else
		outcome_add(report, a, "thaw", GUARD_FAILED, arena_strdup(a, e.text));
}

/* The programs stay: they were there before. */
static void disarm(const struct held *h, struct arena *a, struct guard_report *report)
{
	auto_netarm arm = NETARM_NONE;

	netarm_open(h->dir, &arm);
	if (arm.map < 0)
		return;
	if (netarm_set(&arm, false) == 0)
		outcome_add(report, a, "armed", GUARD_APPLIED, "lets everything through again");
	else
		outcome_add(report, a, "armed", GUARD_FAILED, err_errno_text(errno));
}

/* Where bpf(2) is refused nobody can look, but a quarantine that put nothing there knows that. */
static void uncut(const struct held *h, const struct journal *j, const struct netcut_hook *hook,
		  struct arena *a, struct guard_mechanism *line)
{
	netcut_undo(h->group, hook, a, line);
	if (line->outcome != GUARD_FAILED || j->programs)
		return;
	line->outcome = GUARD_UNSUPPORTED;
	line->detail = arena_printf(a, "nothing was put there (%s)", line->detail);
}

static void undo(const struct held *h, const struct journal *j, struct arena *a,
		 struct guard_report *report)
{
	struct guard_mechanism lines[LIMITS_COUNT];
	size_t count = limits_undo(h->group, j, a, lines);

	for (size_t i = 0; i < count; i++)
		*outcome_line(report, a) = lines[i];
	if (j->netns)
		scan_undo(h, j, a, outcome_line(report, a));
	for (size_t i = NETCUT_HOOKS; i-- > 0;)
		uncut(h, j, &netcut_hooks[i], a, outcome_line(report, a));
	disarm(h, a, report);
	let_go_on(h, j, a, report);
	/* Also what was not changed: an earlier try may have told something else. */
	if (h->unit && j->saved.count)
		unit_tell(h, &j->saved, a, outcome_line(report, a));
}

static bool is_done(const struct guard_report *report)
{
	for (size_t i = 0; i < report->mechanisms.count; i++)
		if (report->mechanisms.items[i].outcome == GUARD_FAILED)
			return false;
	return true;
}

static int release(const struct held *h, struct journal *j, const char *reason, struct arena *a,
		   struct guard_report *report, struct err *e)
{
	if (!is_held(h, j))
		return err_set(e, ERR_STATE, "container \"%.80s\" is not in quarantine", h->id);
	if (j->fd >= 0 && journal_release(j, report->time, reason, a, e) < 0 && e->code != ENOSPC)
		return -1;
	if (h->group >= 0)
		undo(h, j, a, report);
	report->result = GUARD_PARTIAL;
	if (!is_done(report))
		return 0;
	if (journal_remove(j, e) < 0)
		return -1;
	report->result = GUARD_CONTAINED;
	return 0;
}

static int run(const char *root, const char *id, const char *reason, struct arena *a,
	       struct policy *policy, struct guard_report *report, struct err *e)
{
	struct hook_event event = { .moment = POLICY_PRE_RELEASE, .reason = reason };
	auto_held h = HELD_NONE;
	auto_journal j = JOURNAL_CLOSED;
	int opened;

	if (held_find(root, id, a, &h, e) < 0)
		return -1;
	if (policy_load(h.dir, a, policy, e) < 0)
		outcome_add(report, a, "policy", GUARD_UNSUPPORTED, arena_strdup(a, e->text));
	/* Waited for: what they look at is not to move. The lock is not held meanwhile. */
	if (policy->hooks[POLICY_PRE_RELEASE].count &&
	    faccessat(h.dir, JOURNAL_FILE, F_OK, 0) == 0)
		hook_run(root, id, policy, &event);
	opened = journal_open(h.dir, id, LOCK_MS, a, &j, e);
	if (opened == JOURNAL_BUSY)
		return err_set(e, ERR_STATE, "container \"%.80s\" is busy: another quarantine or "
			       "release of it is going on", id);
	return opened < 0 ? -1 : release(&h, &j, reason, a, report, e);
}

static const char *result_word(const struct guard_report *report)
{
	return report->result == GUARD_CONTAINED ? "released" : "released-partial";
}

static void audit(const char *root, struct guard_report *report, const struct err *failed,
		  struct arena *a)
{
	struct audit_entry entry = {
		.operation = "release", .id = report->id,
		.result = failed ? "refused" : result_word(report),
		.detail = failed ? failed->text : NULL,
		.more = { { "reason", report->reason } },
	};
	struct err e;

	if (audit_write(root, &entry, &e) < 0 && !failed)
		outcome_add(report, a, "audit", GUARD_FAILED, arena_strdup(a, e.text));
}

int guard_release(const char *root, const char *id, const char *reason, struct arena *a,
		  struct guard_report *ret, struct err *e)
{
	uint64_t begin = freeze_now();
	struct guard_report report = { .id = id, .reason = reason, .time = held_time(a) };
	struct policy policy = { .description = NULL };
	int done = run(root, id, reason, a, &policy, &report, e);
	struct hook_event event = { .moment = POLICY_POST_RELEASE, .reason = reason };

	report.elapsed_us = (freeze_now() - begin) / NS_PER_US;
	audit(root, &report, done == 0 ? NULL : e, a);
	if (done < 0)
		return -1;
	event.result = result_word(&report);
	auto_fd int runs = hook_start(root, id, &policy, &event);
	*ret = report;
	return 0;
}
