/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What is done about an alarm. The thread that raised one waits in the kernel until
 * it is answered, and it is answered when everybody was asked to freeze and the network is cut:
 * its call fails with EPERM, and it is frozen before it executes another instruction. So what it
 * asked for never happens, and nobody sees that it was refused before the container is held.
 *
 * Nothing that a call's arguments point to is looked at: it could be another thing a moment later.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "engine/cgroup.h"
#include "engine/seccomp_watch.h"
#include "guard/freeze.h"
#include "guard/keep.h"
#include "guard/watch.h"
#include "orlop/guard.h"

/* More than any kernel's notice has; it is as long as the kernel makes it. */
union notice {
	struct seccomp_notif notice;
	char room[512];
};

struct question {
	struct watch *w;
	int listener;
	const struct seccomp_notif *notice;
	bool answered;
};

static void owe(struct watch *w, const struct seccomp_notif *n)
{
	size_t at = w->owed_count < WATCH_OWED_MAX ? w->owed_count++ : 0;

	w->owed[at].tid = n->pid;
	w->owed[at].call = n->data.nr;
}

static bool is_owed(struct watch *w, const struct seccomp_notif *n)
{
	for (size_t i = 0; i < w->owed_count; i++)
		if (w->owed[i].tid == n->pid && w->owed[i].call == n->data.nr) {
			w->owed[i] = w->owed[--w->owed_count];
			return true;
		}
	return false;
}

/* EPERM. It may be gone already: killed, or taken back by the freezer where the kernel is old. */
static void refuse(void *argument)
{
	struct question *q = argument;
	union { struct seccomp_notif_resp answer; char room[512]; } u = { .room = "" };

	if (q->answered || !q->notice)
		return;
	q->answered = true;
	u.answer.id = q->notice->id;
	u.answer.error = -EPERM;
	if (ioctl(q->listener, SECCOMP_IOCTL_NOTIF_SEND, &u.answer) < 0 && errno == ENOENT)
		owe(q->w, q->notice);
}

/* ---- containment ------------------------------------------------------------------------- */

static bool is_held(const struct watch *w, struct arena *a)
{
	const char *word;

	return guard_state(w->held.dir, w->id, w->held.group, a, &word) != NULL;
}

static void note(struct watch *w, const char *rule, const char *detail)
{
	struct guard_alarm alarm = { .id = w->id, .source = "watch", .rule = rule,
				     .detail = detail };
	struct err ignored;

	/* One that cannot be noted was dealt with all the same. */
	if (guard_alarm(w->root, &alarm, &ignored) < 0)
		w->noted_ms = 0;
	else
		w->noted_ms = fd_now_ms();
}

static void take_evidence(const struct watch *w, struct arena *a)
{
	const struct policy_evidence *wish = &w->policy.evidence;
	struct evidence_options options = {
		.memory = wish->memory, .upper = !wish->no_upper, .queues = wish->queues,
		.budget_ms = wish->budget_ms ? wish->budget_ms : POLICY_BUDGET_MS,
	};
	struct evidence_result result;
	struct err ignored;
	int taken;

	mkdir(wish->directory, 0700);
	options.output = keep_name(wish->directory, w->id, a);
	/* What came of it is in the audit log; the container is held in any case, so no hurry. */
	freeze_calm(0);
	taken = evidence_take(w->root, w->id, &options, a, &result, &ignored);
	(void)taken;
	freeze_hurry();
}

static void contain(struct watch *w, struct question *q, const char *rule, struct arena *a)
{
	struct guard_request request = {
		.id = w->id, .trigger = "watch", .observe = w->policy.observe,
		.allow = w->policy.allow, .reason = arena_printf(a, "watch: %s", rule),
		.in_force = refuse, .argument = q,
	};
	struct guard_report report;
	struct err ignored;

	/* What cannot be held is at least refused. */
	if (guard_quarantine(w->root, &request, a, &report, &ignored) < 0)
		refuse(q);
}

static void act(struct watch *w, struct question *q, const char *rule, const char *detail,
		struct arena *a)
{
	enum policy_alarm action = w->policy.watch.action;
	bool recently = w->noted_ms && fd_now_ms() - w->noted_ms < WATCH_NOTE_MS;
	struct err ignored;

	if (action == POLICY_ALARM_KILL) {
		if (w->held.group >= 0 && cgroup_kill(w->held.group, &ignored) < 0)
			refuse(q);
	} else if (action != POLICY_ALARM_NOTE && !is_held(w, a)) {
		contain(w, q, rule, a);
		recently = false;
	}
	refuse(q);
	/* The container may bring alarms about as fast as it can; one of them tells of all. */
	if (recently)
		return;
	note(w, rule, detail);
	if (action == POLICY_ALARM_EVIDENCE && w->policy.evidence.directory)
		take_evidence(w, a);
}

int watch_alarm_call(struct watch *w, int listener)
{
	auto_arena a = ARENA_NONE;
	union notice u = { .room = "" };
	struct question q = { .w = w, .listener = listener, .notice = &u.notice };
	const char *name;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &u.notice) < 0)
		return errno == ENOENT || errno == EINTR ? 0 : -1;
	if (is_owed(w, &u.notice)) {
		refuse(&q);
		return 0;
	}
	name = seccomp_call_name(u.notice.data.arch, u.notice.data.nr, &a);
	act(w, &q, name, arena_printf(&a, "process %u called %s", u.notice.pid, name), &a);
	return 0;
}

void watch_alarm_event(struct watch *w, const char *rule, const char *detail)
{
	auto_arena a = ARENA_NONE;
	struct question nobody = { .w = w };

	act(w, &nobody, rule, detail, &a);
}
