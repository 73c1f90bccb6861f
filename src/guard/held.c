/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Finding a container, and what its quarantine means for the other operations.
 */
#include "guard/held.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "engine/cgroup.h"
#include "guard/freeze.h"
#include "guard/netarm.h"
#include "guard/still.h"
#include "guard/netcut.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "orlop/state.h"

enum { LOCK_MS = 250 };

void held_close(struct held *h)
{
	auto_close_fd(&h->group);
	auto_close_fd(&h->dir);
}

/* The record's cgroup while the record is of this boot, else the one written down before. */
static int find_cgroup(struct held *h, struct arena *a, struct err *e)
{
	struct state_record record = { 0 };

	if (state_load(h->dir, a, &record, e) == 0 && strcmp(record.id, h->id) == 0 &&
	    state_of_this_boot(&record, e) > 0) {
		h->mount = record.cgroup_mount;
		h->path = record.cgroup;
		h->unit = record.unit;
		h->pid = record.pid;
		return 0;
	}
	return state_read_cgroup(h->dir, h->id, a, &h->mount, &h->path, &h->unit, e);
}

int held_find(const char *root, const char *id, struct arena *a, struct held *ret, struct err *e)
{
	auto_held h = { .id = id, .dir = -1, .group = -1 };
	auto_fd int top = -1;
	int found;

	if (state_check_id(id, e) < 0)
		return -1;
	top = state_open_root(root, false, e);
	found = top >= 0 ? state_open(top, id, &h.dir, e) : e->code == ENOENT ? STATE_ABSENT : -1;
	if (found == 0)
		found = find_cgroup(&h, a, e);
	if (found != 0)
		return found < 0 ? -1 : err_set(e, ERR_STATE, "container does not exist");
	if (*h.path) {
		h.group = cgroup_open(h.mount, h.path, e);
		if (h.group < 0 && e->code != ENOENT)
			return -1;
	}
	*ret = h;
	h = HELD_NONE;
	return 0;
}

const char *held_time(struct arena *a)
{
	return clock_text(6, a);
}

const char *guard_result_word(enum guard_result result)
{
	static const char *const words[] = {
		[GUARD_CONTAINED] = "contained", [GUARD_PARTIAL] = "contained-partial",
		[GUARD_NOTHING] = "failed",
	};

	return words[result];
}

const char *guard_outcome_word(enum guard_outcome outcome)
{
	static const char *const words[] = {
		[GUARD_APPLIED] = "applied", [GUARD_UNSUPPORTED] = "unsupported",
		[GUARD_BUSY] = "busy", [GUARD_FAILED] = "failed",
	};

	return words[outcome];
}

const char *guard_held_word(enum guard_held held)
{
	static const char *const words[] = {
		[GUARD_HELD_FROZEN] = "frozen", [GUARD_HELD_CUT] = "cut", [GUARD_HELD_OPEN] = "open",
	};

	return words[held];
}

/* 1, 0, or -1 when the kernel does not say. */
static int is_cut(int dir, int group)
{
	auto_netarm arm = NETARM_NONE;

	netarm_open(dir, &arm);
	return netarm_cuts(&arm) ? 1 : netcut_present(group, &netcut_hooks[0]);
}

const char *guard_state(int dir, const char *id, int group, struct arena *a,
			const char **ret_word)
{
	struct emit m = EMIT_IN(a, 0);
	struct journal j = JOURNAL_CLOSED;
	struct err ignored;
	int cut;

	if (journal_peek(dir, id, a, &j, &ignored) < 0)
		j.phase = JOURNAL_BEGUN;
	if (j.phase == JOURNAL_NONE)
		return NULL;
	cut = group >= 0 ? is_cut(dir, group) : 0;
	emit_object(&m, NULL);
	/* "incomplete": it, or a release, was interrupted; repeating either completes it. */
	*ret_word = j.phase == JOURNAL_ENDED ? j.result :
		    j.phase == JOURNAL_RELEASING ? "releasing" : "incomplete";
	emit_str(&m, "quarantine", *ret_word);
	emit_str(&m, "mode", j.observe ? "observe" : "frozen");
	emit_bool(&m, "freezeRequested", group >= 0 && guard_freeze_asked(group));
	if (cut >= 0)
		emit_bool(&m, "networkCut", cut);
	if (j.since && *j.since)
		emit_str(&m, "since", j.since);
	if (j.reason)
		emit_str(&m, "reason", j.reason);
	if (j.evidence)
		emit_str(&m, "evidence", j.evidence);
	emit_end(&m);
	return emit_get(&m);
}

static int refuse(const char *id, const char *what, struct err *e)
{
	err_set(e, ERR_HELD, "cannot %s container \"%.80s\": it is in quarantine", what, id);
	return err_hint(e, "orlop release %.80s lets it go; kill and delete work as it is", id);
}

int guard_refuse(int dir, const char *id, const char *what, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct journal j = JOURNAL_CLOSED;

	if (journal_peek(dir, id, &a, &j, e) < 0)
		return -1;
	return j.phase == JOURNAL_NONE ? 0 : refuse(id, what, e);
}

/* `observed`: whoever froze it lets it go on, as the quarantine has it. */
static int resume(int dir, const char *id, int group, unsigned timeout_ms, bool observed,
		  struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_journal j = JOURNAL_CLOSED;
	int opened = journal_open(dir, id, LOCK_MS, &a, &j, e);

	if (opened == JOURNAL_BUSY)
		return err_set(e, ERR_HELD, "cannot resume container \"%.80s\": a quarantine or "
			       "release of it is going on", id);
	if (opened < 0)
		return -1;
	/* Without a journal (a full disk) the programs themselves say that it is held. */
	if ((j.phase != JOURNAL_NONE && !(observed && j.observe)) ||
	    (j.fd < 0 && is_cut(dir, group) == 1))
		return refuse(id, "resume", e);
	still_want(dir, false);
	return guard_thaw(group, timeout_ms, e);
}

int guard_resume(int dir, const char *id, int group, unsigned timeout_ms, struct err *e)
{
	return resume(dir, id, group, timeout_ms, false, e);
}

int guard_give_up(int dir, const char *id, int group, unsigned timeout_ms, struct err *e)
{
	bool stays;

	if (still_kept(dir, &stays)) {
		still_want(dir, false);
		return 0;
	}
	return guard_resume(dir, id, group, timeout_ms, e);
}

int held_go_on(int dir, const char *id, int group, unsigned timeout_ms, struct err *e)
{
	return resume(dir, id, group, timeout_ms, true, e);
}

bool guard_stay_paused(int dir)
{
	return still_want(dir, true);
}
