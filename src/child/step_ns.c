/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The process itself and its namespaces.
 */
#include <linux/prctl.h>
#include <linux/sched.h>
#include <signal.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/procfs.h"

/*
 * The end of a parent that dies is noticed twice over: by this signal until the credentials
 * change (which clears it), and by the end of the control socket at every wait.
 */
static int die_with_parent(void)
{
	return (int)SYS(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/* Signals arrive with default dispositions and an empty mask, whatever our caller had set. */
static int reset_signals(uint64_t ignored)
{
	uint64_t none = 0;
	int error = 0;

	for (int n = 1; n <= 64 && error >= 0; n++)
		if (ignored & (1ULL << (n - 1)))
			error = sys_signal(n, SYS_DEFAULT);
	return error < 0 ? error : (int)SYS(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/* The cpuset of the cgroup that we were born in limits it; no kernel has more than 8192 CPUs. */
static int use_all_cpus(void)
{
	static const uint8_t all[8192 / 8] = { [0 ... 8192 / 8 - 1] = 0xff };
	long error = SYS(sched_setaffinity, 0, sizeof(all), all);

	return error < 0 ? (int)error : 0;
}

int step_session(struct child *c)
{
	int error;

	error = die_with_parent();
	SYS(prctl, PR_SET_NAME, CHILD_NAME, 0, 0, 0);
	if (error >= 0)
		error = reset_signals(c->plan->ignored_signals);
	if (error < 0) {
		child_detail(c, "signals");
		return error;
	}
	c->old_umask = (unsigned)SYS(umask, 0);		/* modes below are meant exactly */
	error = child_flag(c, CHILD_ALL_CPUS) ? use_all_cpus() : 0;
	if (error < 0) {
		child_detail(c, "CPU affinity");
		return error;
	}
	/*
	 * Of exec, only the second process needs a session. On a busy host a new one costs a turn
	 * in the scheduler's queue, since it is an autogroup of its own: a tenth of what
	 * `ctr task exec` takes.
	 */
	if (c->plan->container_ns)
		return 0;
	return (int)SYS(setsid);
}

/*
 * Goes on in a new process that is the runtime's child as we are (CLONE_PARENT): only a process
 * born after the joins can be in a pid namespace joined, or first in a new one that is owned by
 * the user namespace joined.
 */
static int respawn(struct child *c, uint64_t flags)
{
	struct clone_args args = { .flags = flags | CLONE_PARENT };
	long pid = SYS(clone3, &args, sizeof(args));
	int word;

	if (pid < 0)
		return (int)pid;
	if (pid > 0) {
		c->item = -1;
		c->value = (uint64_t)pid;
		child_send(c, CHILD_RESPAWNED, CHILD_STEP_JOIN, -1);
		sys_exit(0);
	}
	word = die_with_parent();
	if (word < 0)
		return word;
	/* Until the parent knows us, and has mapped our ids, what we say would be taken for his. */
	word = child_receive(c, NULL);
	if (word != PARENT_GO)
		return word < 0 ? word : -CHILD_E_PROTOCOL;
	/* The container we are in may have others: none of them traces us or looks into our /proc. */
	word = (int)SYS(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	return word < 0 ? word : (int)SYS(setsid);
}

/* Joins those that are not `done` yet and whose type is in `types`; `refused` is no error. */
static int join_some(struct child *c, uint32_t types, int refused, uint32_t *done)
{
	const struct child_ns *joins = child_items(c, c->plan->joins);

	for (uint32_t n = 0; n < c->plan->joins.count; n++) {
		long error;

		if (!(joins[n].flag & types) || *done & (1U << n))
			continue;
		c->item = (int)n;
		error = SYS(setns, joins[n].fd, joins[n].flag);
		if (error < 0 && error == refused)
			continue;
		if (error < 0)
			return (int)error;
		*done |= 1U << n;
		sys_close(joins[n].fd);
	}
	c->item = -1;
	return 0;
}

/*
 * A namespace belongs to the user namespace joined, and is open to us from there, or to another
 * one, and is open to us only as long as we are who we came as.
 */
int step_join(struct child *c)
{
	uint32_t done = 0;
	int error = join_some(c, ~(uint32_t)CLONE_NEWUSER, -EPERM, &done);

	if (error >= 0)
		error = join_some(c, CLONE_NEWUSER, 0, &done);
	if (error >= 0)
		error = join_some(c, ~(uint32_t)CLONE_NEWUSER, 0, &done);
	if (error < 0)
		return error;
	return child_flag(c, CHILD_RESPAWN) ? respawn(c, c->plan->respawn_flags) : 0;
}

/* Ids 0 of the new user namespace, so that what is made from here on belongs to its root. */
static int become_root(void)
{
	long error = SYS(setresgid, 0, 0, 0);

	if (error >= 0)
		error = SYS(setresuid, 0, 0, 0);
	/* EINVAL: the maps have no id 0; the capabilities are ours all the same. */
	return error < 0 && error != -EINVAL ? (int)error : 0;
}

int step_maps(struct child *c)
{
	if (child_flag(c, CHILD_USER_NS)) {
		int error = become_root();

		if (error < 0)
			return error;
		die_with_parent();		/* changing ids cleared it */
	}
	return 0;
}

/*
 * A time namespace is entered without another process: made for children, given its offsets
 * while nobody is in it, then joined by its own name.
 */
static int enter_time_ns(struct child *c)
{
	int procfs = procfs_open_early(true), fd;
	long error = procfs;

	if (procfs < 0)
		return procfs;
	if (c->plan->time_offsets) {
		error = procfs_write(procfs, "self/timens_offsets",
				     child_string(c, c->plan->time_offsets));
		if (error < 0)
			child_detail(c, "linux.timeOffsets");
	}
	if (error >= 0) {
		error = fd = (int)SYS(openat, procfs, "self/ns/time_for_children",
				      O_RDONLY | O_CLOEXEC, 0);
		if (fd >= 0) {
			error = SYS(setns, fd, CLONE_NEWTIME);
			sys_close(fd);
		}
	}
	sys_close(procfs);
	return (int)error;
}

int step_unshare(struct child *c)
{
	long error = 0;

	if (c->plan->unshare_flags)
		error = SYS(unshare, c->plan->unshare_flags);
	if (error >= 0 && (c->plan->unshare_flags & CLONE_NEWTIME))
		error = enter_time_ns(c);
	return error < 0 ? (int)error : 0;
}

/*
 * The container is entered by this program only, never by the runtime's own: a process born in its
 * pid namespace runs from the sealed memfd, may not be traced, and holds nothing of the host but
 * the socket and the plan (CVE-2016-9962, CVE-2019-5736).
 */
int step_enter(struct child *c)
{
	long error = SYS(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);	/* respawned as well */

	if (error >= 0)
		error = SYS(setns, c->plan->container, c->plan->container_ns);
	if (error < 0)
		return (int)error;
	sys_close(c->plan->container);
	error = respawn(c, 0);
	if (error < 0)
		return (int)error;
	/* The runtime's user has no place in a user namespace that it did not come from. */
	if (c->plan->container_ns & CLONE_NEWUSER) {
		error = become_root();
		die_with_parent();
	}
	return (int)error;
}
