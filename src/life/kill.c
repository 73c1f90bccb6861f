/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Signals, by pidfd and cgroup.kill alone: never by number. Takes no lock and waits
 * for nothing, so it works on a container that an operation hangs on, and writes nothing to disk.
 * A frozen container dies of SIGKILL as it is (cgroup v2); nothing is ever thawed here.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>

#include "engine/cgroup.h"
#include "life/container.h"
#include "life/lifecycle.h"
#include "orlop/auto.h"

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

int life_kill(const struct life *l, const char *id, int signal, bool all, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	bool only_init;
	int result;

	if (container_open(l, id, &a, &c, e) < 0)
		return -1;
	only_init = signal != SIGKILL || (c.record.ns_new & CLONE_NEWPID);
	result = only_init ? signal_init(&c, signal, e) : kill_all(&c, e);
	if (result != NOT_RUNNING)
		return result;
	return all ? 0 : lifecycle_check(VERB_KILL, STATE_STOPPED, id, e);
}
