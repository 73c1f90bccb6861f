/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Signals, by pidfd and cgroup.kill alone: never by number. Takes no lock and waits
 * for nothing but evidence of what is held, within its budget, so it works on a container that an
 * operation hangs on. A frozen container dies of SIGKILL as it is (cgroup v2); nothing is ever
 * thawed here.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>

#include "engine/cgroup.h"
#include "life/container.h"
#include "life/lifecycle.h"
#include "orlop/audit.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

enum { NOT_RUNNING = 1 };

/* 0; NOT_RUNNING; -1. */
static int signal_init(const struct container *c, int signal, struct err *e)
{
	if (c->pidfd < 0)
		return NOT_RUNNING;
	if (pidfd_send_signal(c->pidfd, signal, NULL, 0) == 0)
		return 0;
	if (errno == ESRCH)
		return NOT_RUNNING;
	return err_sys(e, "unable to signal init");
}

/*
 * Where the first process is not the init of a PID namespace, its death is not that of the rest.
 * There may be a rest even when it is dead already. 0; NOT_RUNNING; -1.
 */
static int kill_all(const struct container *c, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct cgroup_pids pids = { 0 };
	const char *mount, *path;
	auto_fd int group = -1;

	if (!container_cgroup(c, &a, &mount, &path))
		return signal_init(c, SIGKILL, e);
	group = cgroup_open(mount, path, e);
	if (group < 0 && e->code == ENOENT)
		return signal_init(c, SIGKILL, e);
	if (group < 0 || (c->pidfd < 0 && cgroup_pids(group, &a, &pids, e) < 0))
		return err_in(e, "unable to kill all processes");
	if (c->pidfd < 0 && pids.count == 0)
		return NOT_RUNNING;
	if (cgroup_kill(group, e) < 0)
		return err_in(e, "unable to kill all processes");
	/* Somebody may have moved the first process elsewhere. */
	return c->pidfd >= 0 && signal_init(c, SIGKILL, e) < 0 ? -1 : 0;
}

/* A line for one that is held, alarmed about or has a policy; the others are killed in silence. */
static void audit(const struct life *l, const struct container *c, int signal,
		  const char *evidence, const char *result, const char *detail)
{
	char number[16];
	struct audit_entry entry = {
		.operation = "kill", .id = c->id, .result = result, .detail = detail,
		.more = { { "signal", number }, { "evidence", evidence } },
	};
	struct err e;

	snprintf(number, sizeof(number), "%d", signal);
	if (audit_write(l->root, &entry, &e) < 0)
		l->warn(e.text);
}

/*
 * An engine that wants a container to stop sends SIGTERM first. To a held one it is not passed on:
 * success is the answer which lets the engine wait its time, and then send SIGKILL.
 */
static int keep_back(const struct life *l, const struct container *c, int signal)
{
	l->warn("the container is in quarantine: the signal was kept back; SIGKILL ends it");
	audit(l, c, signal, NULL, "kept back", NULL);
	return 0;
}

static int kill_it(const struct life *l, const struct container *c, struct arena *a,
		   struct err *e)
{
	struct guard_end end;
	int result;

	guard_before_end(l->root, c->id, c->dir, a, &end);
	result = c->record.ns_new & CLONE_NEWPID ? signal_init(c, SIGKILL, e) : kill_all(c, e);
	if (end.concerned && result != NOT_RUNNING)
		audit(l, c, SIGKILL, end.evidence, result < 0 ? "failed" : "done",
		      result < 0 ? e->text : NULL);
	return result;
}

int life_kill(const struct life *l, const char *id, int signal, bool all, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	int result;

	if (container_open_process(l, id, &a, &c, e) < 0)
		return -1;
	if (signal == SIGKILL)
		result = kill_it(l, &c, &a, e);
	else if (signal && c.pidfd >= 0 && guard_holds_back(c.dir, id))
		result = keep_back(l, &c, signal);
	else
		result = signal_init(&c, signal, e);
	if (result != NOT_RUNNING)
		return result;
	return all ? 0 : lifecycle_check(VERB_KILL, STATE_STOPPED, id, e);
}
