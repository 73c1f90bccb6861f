/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Taking a container away, whatever is left of it. Each step is idempotent, so a
 * delete that was killed is finished by the next one:
 *
 *   the lock, or without it the condemned mark	(a create that is under way stops there)
 *   evidence of what is held			(within its budget; see guard.h)
 *   the processes				(pidfd, cgroup.kill)
 *   the cgroup, and systemd's unit		(its failure is a warning)
 *   groups of resctrl
 *   the record					(from here on the container does not exist)
 *   the directory				(from here on the id can be used again)
 *   the poststop hooks				(whose failures are warnings)
 *
 * Nothing here needs room on a disk. A create that stopped at the mark has taken back itself what
 * this delete could not see. What remains open is a create that is forced out, goes on, makes the
 * cgroup again, and is killed before it asks for the mark: an empty cgroup stays, its process
 * dies with its parent.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/fd.h"
#include "engine/cgroup.h"
#include "engine/hooks.h"
#include "life/container.h"
#include "life/lifecycle.h"
#include "life/scope.h"
#include "orlop/audit.h"
#include "orlop/auto.h"
#include "orlop/guard.h"
#include "orlop/watch.h"

enum {
	FORCE_LOCK_MS = 500,		/* then whoever holds it is taken to hang */
	KILL_MS = 10000,
};

/* What is known of the container. */
enum known { KNOWN_ALL, KNOWN_NO_RECORD, KNOWN_BROKEN };

static int wait_for_end(const struct container *c, int timeout_ms, struct err *e)
{
	int waited = fd_wait_readable(c->pidfd, -1, timeout_ms);

	if (waited < 0)
		return err_sys(e, "poll");
	if (waited == FD_TIMED_OUT)
		return err_set(e, ERR_STATE, "container init still running: process %d does not "
			       "die of SIGKILL", (int)c->record.pid);
	return 0;
}

/*
 * Whether there may be a cgroup that we do not learn of: a disk that does not answer, or a want of
 * memory, is no reason to forget what may be running. What is no file of ours names none.
 */
static bool is_hidden(const struct container *c, struct arena *a, struct err *e)
{
	const char *mount, *path, *unit;

	return c->pidfd < 0 &&
	       state_read_cgroup(c->dir, c->id, a, &mount, &path, &unit, e) < 0 &&
	       e->kind == ERR_SYSTEM && e->code != ELOOP && e->code != EPERM &&
	       e->code != EFBIG && e->code != ENXIO;
}

static int end_cgroup(const struct container *c, struct arena *a, struct err *e)
{
	const char *mount, *path;

	if (!container_cgroup(c, a, &mount, &path))
		return is_hidden(c, a, e) ? -1 : 0;
	return state_cgroup_kept(c->dir) ? cgroup_clear(mount, path, KILL_MS, e) :
					   cgroup_remove(mount, path, KILL_MS, e);
}

static int kill_processes(const struct life *l, const struct container *c, struct arena *a,
			  struct err *e)
{
	int64_t end = fd_now_ms() + KILL_MS;
	int64_t left;

	if (c->pidfd >= 0 && pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return err_sys(e, "unable to signal init");
	if (end_cgroup(c, a, e) < 0)
		return -1;
	/*
	 * A systemd that cannot be told may keep the unit, without a cgroup, until somebody stops
	 * it: the group can be gone before systemd has read that it became empty.
	 */
	scope_end(l, container_unit(c, a));
	left = end - fd_now_ms();
	return c->pidfd < 0 ? 0 : wait_for_end(c, left > 0 ? (int)left : 0, e);
}

/* Returns the hooks to run when the container is gone; none when there are or it cannot be told. */
static struct hook_list poststop_hooks(const struct life *l, const struct container *c,
				       struct arena *a)
{
	struct oci_config config;
	struct err e;

	if (!c->record.poststop)
		return (struct hook_list){ 0 };
	if (container_config(c, a, &config, &e) < 0) {
		l->warn(arena_printf(a, "%s; poststop hooks not run", e.text));
		return (struct hook_list){ 0 };
	}
	return config.hooks.poststop;
}

static int take_away(const struct life *l, const struct container *c, enum known known,
		     struct arena *a, struct err *e)
{
	struct hook_list hooks = { 0 };
	int dropped;

	if (kill_processes(l, c, a, e) < 0)
		return -1;
	if ((known != KNOWN_ALL || c->record.resctrl) &&
	    container_remove_resctrl(c->dir, c->id, a, e) < 0)
		return -1;
	if (known == KNOWN_ALL) {
		hooks = poststop_hooks(l, c, a);
		dropped = state_drop_record(c->dir, e);
		if (dropped < 0)
			return -1;
		if (dropped == STATE_ABSENT)	/* another delete was faster and runs them */
			hooks.count = 0;
	}
	watch_end(c->dir);
	if (state_remove(c->root, c->dir, c->id, e) < 0)
		return -1;
	if (hooks.count == 0)
		return 0;
	return hooks_run(&hooks, "poststop",
			 container_hook_state(&c->record, STATE_STOPPED, 0, a),
			 c->record.bundle, l->warn, e);
}

/*
 * Takes the lock; with force not beyond FORCE_LOCK_MS: a hung operation must not keep the
 * container. 0; CONTAINER_ABSENT; -1.
 */
static int lock(const struct container *c, bool force, struct err *e)
{
	int locked = state_lock(c->dir, force ? FORCE_LOCK_MS : CONTAINER_LOCK_MS, e);

	if (locked == STATE_BUSY && force)
		return state_condemn(c->dir, e);
	if (locked == STATE_BUSY)
		return err_set(e, ERR_STATE, "container \"%.80s\" is busy: another operation on it "
			       "is going on", c->id);
	return locked;
}

/* What can be found out, and whether that allows to go on. */
static int inspect(const struct life *l, struct container *c, bool force, struct arena *a,
		   enum known *ret, struct err *e)
{
	int found = container_load(c, a, e);

	*ret = found == 0 ? KNOWN_ALL : found > 0 ? KNOWN_NO_RECORD : KNOWN_BROKEN;
	if (found < 0 && !force)
		return err_hint(e, "delete --force removes it without believing its state");
	if (found < 0)
		l->warn(arena_printf(a, "%s; poststop hooks not run", e->text));
	return found || force ? 0 : lifecycle_check(VERB_DELETE, c->status, c->id, e);
}

static void audit(const struct life *l, const struct container *c, bool force,
		  const char *evidence, const struct err *failed)
{
	struct audit_entry entry = {
		.operation = "delete", .id = c->id, .result = failed ? "failed" : "done",
		.detail = failed ? failed->text : NULL,
		.more = { { "force", force ? "yes" : NULL }, { "evidence", evidence } },
	};
	struct err e;

	if (audit_write(l->root, &entry, &e) < 0)
		l->warn(e.text);
}

/*
 * Whether the name was there and no directory of ours, which is no container. Whatever else keeps
 * it from being opened (no memory, too many files) is no reason to forget what may be running.
 */
static bool is_planted(const struct err *e)
{
	return e->code == ENOTDIR || e->code == ELOOP || e->code == EPERM;
}

int life_delete(const struct life *l, const char *id, bool force, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	struct guard_end end;
	enum known known;
	int found = container_find(l, id, &c, e);

	if (found < 0 && force && c.root >= 0 && is_planted(e))
		return state_remove(c.root, -1, id, e);
	if (found == 0)
		found = lock(&c, force, e);
	if (found != 0)
		return found < 0 ? -1 : force ? 0 : lifecycle_absent(e);
	if (inspect(l, &c, force, &a, &known, e) < 0)
		return -1;
	guard_before_end(l->root, id, c.dir, &a, &end);
	found = take_away(l, &c, known, &a, e);
	if (end.concerned)
		audit(l, &c, force, end.evidence, found < 0 ? e : NULL);
	if (found < 0)
		return -1;
	/* What a killed create left is cleared away, but it was not a container. */
	return known == KNOWN_NO_RECORD && !force ? lifecycle_absent(e) : 0;
}
