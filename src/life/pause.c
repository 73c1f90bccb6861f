/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Standing still and going on. Success means that the kernel confirmed it; a group
 * that does not come to rest in time is thawed again, with the names of who would not.
 */
#include <errno.h>

#include "engine/cgroup.h"
#include "life/container.h"
#include "life/lifecycle.h"
#include "orlop/auto.h"
#include "orlop/guard.h"
#include "orlop/policy.h"

enum { PAUSE_MS = 250, PATIENCE_MS = 10000, THAW_MS = 250 };	/* the manual says the first two */

static int open_group(const struct container *c, struct arena *a, struct err *e)
{
	const char *mount, *path;

	if (!container_cgroup(c, a, &mount, &path))
		return err_set(e, ERR_STATE, "container \"%.80s\" has no cgroup, which is what "
			       "pausing needs", c->id);
	return cgroup_open(mount, path, e);
}

/*
 * The lock keeps exec away, whose process would be born frozen and hold it. But an exec can be
 * made to hang by the container (a program on a file system that does not answer), and must not
 * keep it from being paused: when the time is over we go on without.
 */
static int open_within(const struct life *l, const char *id, unsigned timeout_ms, struct arena *a,
		       struct container *c, struct err *e)
{
	int found = container_find(l, id, c, e);

	if (found == 0)
		found = state_lock(c->dir, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms, e);
	if (found == 0 || found == STATE_BUSY)
		found = container_load(c, a, e);
	return found <= 0 ? found : lifecycle_absent(e);
}

/* Takes an attempt back; says so when even that does not work. */
static int give_up(const struct container *c, int group, unsigned timeout_ms, const char *who,
		   struct err *e)
{
	struct err thaw;
	int thawed = guard_give_up(c->dir, c->id, group, THAW_MS, &thaw);

	if (thawed < 0 && thaw.kind == ERR_HELD) {
		err_set(e, ERR_STATE, "container not paused within %u ms: not frozen: %s",
			timeout_ms, who);
		return err_hint(e, "a quarantine of it began meanwhile, and holds it");
	}
	err_set(e, ERR_STATE, "container not paused within %u ms, and resumed again: not frozen: %s",
		timeout_ms, who);
	if (thawed != 0)
		return err_hint(e, "resuming it did not work either: %s",
				thawed < 0 ? thaw.text : "a cgroup above it is frozen");
	return err_hint(e, "a container that cannot be paused can be killed: delete --force");
}

/* Where the policy says so an engine's pause holds the container: it needs no other word for it. */
static int hold(const struct life *l, const struct container *c, const struct policy *policy,
		unsigned timeout_ms, struct arena *a, struct err *e)
{
	struct guard_request request = {
		.id = c->id, .trigger = "pause", .allow = policy->allow, .timeout_ms = timeout_ms,
	};
	struct guard_report report;

	if (guard_quarantine(l->root, &request, a, &report, e) < 0)
		return -1;
	if (report.tasks.count == 0 && report.result != GUARD_NOTHING)
		return 0;
	err_set(e, ERR_STATE, "container not paused within %u ms: not frozen: %s", timeout_ms,
		guard_tasks_text(&report.tasks, a));
	return err_hint(e, "by its policy it is in quarantine, and stays so: %s",
			guard_result_word(report.result));
}

static int freeze(const struct container *c, unsigned timeout_ms, unsigned patience_ms,
		  struct arena *a, struct err *e)
{
	auto_fd int group = open_group(c, a, e);
	struct guard_tasks tasks = { 0 };
	unsigned step = timeout_ms;
	int frozen;

	if (group < 0)
		return -1;
	frozen = guard_freeze(group, step, a, &tasks, e);
	/* On a busy host that takes its time, and an engine does not ask twice. */
	while (frozen == GUARD_NOT_FROZEN && timeout_ms < patience_ms &&
	       guard_tasks_only_late(&tasks)) {
		frozen = guard_freeze(group, step, a, &tasks, e);
		timeout_ms += step;
	}
	if (frozen == 0)
		guard_stay_paused(c->dir);	/* evidence may have begun meanwhile */
	if (frozen == GUARD_NOT_FROZEN)
		return give_up(c, group, timeout_ms, guard_tasks_text(&tasks, a), e);
	if (frozen < 0) {
		struct err ignored;

		/* Whatever went wrong, a wish that was written is not left standing. */
		if (guard_give_up(c->dir, c->id, group, THAW_MS, &ignored) != 0)
			err_hint(e, "the container may still be paused");
		return -1;
	}
	return 0;
}

int life_pause(const struct life *l, const char *id, unsigned timeout_ms, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	unsigned patience_ms = timeout_ms ? timeout_ms : PATIENCE_MS;
	struct policy policy;
	int paused;

	if (!timeout_ms)
		timeout_ms = PAUSE_MS;
	if (open_within(l, id, timeout_ms, &a, &c, e) < 0)
		return -1;
	policy_load(c.dir, &a, &policy, e);
	/* Which may be repeated, as a quarantine may. */
	if (policy.pause == POLICY_PAUSE_QUARANTINES && c.status != STATE_STOPPED)
		return hold(l, &c, &policy, timeout_ms, &a, e);
	/* Frozen for a moment by somebody else is not paused yet. */
	if (c.status == STATE_PAUSED && guard_stay_paused(c.dir))
		return 0;
	paused = lifecycle_check(VERB_PAUSE, c.status, id, e);
	if (paused == 0)
		paused = freeze(&c, timeout_ms, patience_ms, &a, e);
	container_audit(l, &c, "pause", paused < 0 ? e : NULL);
	return paused;
}

static int resume(const struct container *c, struct arena *a, struct err *e)
{
	auto_fd int group = -1;
	int refused, thawed;

	if (c->status != STATE_STOPPED && guard_refuse(c->dir, c->id, "resume", e) < 0)
		return -1;
	refused = lifecycle_check(VERB_RESUME, c->status, c->id, e);
	if (refused < 0 && c->status == STATE_STOPPED)
		return -1;
	group = open_group(c, a, e);
	/* A pause that was killed half-way leaves the wish without the state: resumed as well. */
	if (refused < 0 && (group < 0 || !guard_freeze_asked(group)))
		return lifecycle_check(VERB_RESUME, c->status, c->id, e);
	if (group < 0)
		return -1;
	thawed = guard_resume(c->dir, c->id, group, THAW_MS, e);
	if (thawed > 0)
		return err_set(e, ERR_STATE, "container not resumed within %d ms: a cgroup above "
			       "it may be frozen", THAW_MS);
	return thawed;
}

int life_resume(const struct life *l, const char *id, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	int resumed;

	if (open_within(l, id, THAW_MS, &a, &c, e) < 0)
		return -1;
	resumed = resume(&c, &a, e);
	container_audit(l, &c, "resume", resumed < 0 ? e : NULL);
	return resumed;
}
