/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The container's cgroup: made, limited, entered by descriptor, frozen, killed and
 * removed. Everything is opened beneath the cgroup2 mount without symbolic links
 * (openat2, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS). What is written was decided by the plan.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/plan.h"

enum { CGROUP_ABSENT = 1, CGROUP_TIMED_OUT = 2 };

/*
 * Makes the group (and the directories above it), enables the plan's controllers on the way and
 * writes its limits, so that a process born into it is limited from its first instruction. The
 * device filter is attached apart (device_filter.h). Refuses an existing group that has processes,
 * is frozen or is threaded, and any below a frozen one. That a new one is below a threaded one is
 * found out when a process is to be born into it: see cgroup_explain_join.
 * Returns a descriptor of its directory, or -1 with nothing left behind of what was made here
 * (controllers that were enabled in groups above it stay: others may use them by now).
 * The error names the file, the value and the configuration member.
 */
int cgroup_create(const struct plan_cgroup *plan, const char *mount, struct err *e)
	__attribute__((warn_unused_result));

/*
 * As cgroup_create, for a group that systemd has made for us: it exists and has a process. On an
 * error it stays as it is: who made it removes it.
 */
int cgroup_adopt(const struct plan_cgroup *plan, const char *mount, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Lets the group have `guests` processes more than the plan's pids.max says, for as long as that
 * many are there that are not the container's; 0 ends it.
 */
int cgroup_room(int group, const struct plan_cgroup *plan, unsigned guests, struct err *e)
	__attribute__((warn_unused_result));

/* Opens an existing group: a descriptor, or -1; an absent one is ERR_SYSTEM with ENOENT. */
int cgroup_open(const char *mount, const char *path, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Writes a plan's files to a group that exists (update), enabling controllers
 * above it where they are missing. On an error what was written before it stays written.
 */
int cgroup_apply(int group, const struct plan_cgroup *plan, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Adds a hint to the error of a clone3(CLONE_INTO_CGROUP) or a write to cgroup.procs that the
 * group refused with the errno in e->code. Asks the group why; adds nothing when it cannot tell.
 */
void cgroup_explain_join(int group, struct err *e);

/*
 * Sends SIGKILL to the first thread of every process in the group and below (cgroup.kill, Linux
 * 5.14), which ends the process, unless that thread has ended before and others go on.
 */
int cgroup_kill_once(int group, struct err *e) __attribute__((warn_unused_result));

/* Sends SIGKILL to every process in the group and below, also to those. */
int cgroup_kill(int group, struct err *e) __attribute__((warn_unused_result));

/*
 * Kills what is left, waits until the group is empty, removes it and its descendants, deepest
 * first. 0 also when it is absent; an error names the processes that did not go within the time.
 */
int cgroup_remove(const char *mount, const char *path, int timeout_ms, struct err *e)
	__attribute__((warn_unused_result));

/*
 * The same for a group that was there before the container: it stays, empty, with nothing below it
 * and without programs of ours; limits that were written stay as well.
 */
int cgroup_clear(const char *mount, const char *path, int timeout_ms, struct err *e)
	__attribute__((warn_unused_result));

/* Refuses a group that is frozen, in which nothing that is born there goes on. 0 or -1. */
int cgroup_check_thawed(int group, struct err *e) __attribute__((warn_unused_result));

/* Whether cgroup.events says "frozen 1" (the state, not the request). 0 or 1; -1 on error. */
int cgroup_frozen(int group, struct err *e) __attribute__((warn_unused_result));

/*
 * Asks for the state and waits until cgroup.events confirms it. 0; CGROUP_TIMED_OUT after
 * timeout_ms, with the request left standing (the caller decides); -1.
 */
int cgroup_freeze(int group, bool frozen, int timeout_ms, struct err *e)
	__attribute__((warn_unused_result));

/* The path of the group that a process is in, below the cgroup2 mount; NULL and *e. */
const char *cgroup_of(pid_t pid, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));

struct cgroup_pids {
	int *items;
	size_t count;
};

/*
 * The processes of the group and below, ascending, in the arena. A process whose number this
 * PID namespace does not have is listed once as 0.
 */
int cgroup_pids(int group, struct arena *a, struct cgroup_pids *ret, struct err *e)
	__attribute__((warn_unused_result));

/* As cgroup_pids; calls `each` for the group and every group below it, once. */
int cgroup_walk(int group, void (*each)(int dir, void *argument), void *argument,
		struct arena *a, struct cgroup_pids *ret, struct err *e)
	__attribute__((warn_unused_result));

/* As cgroup_pids, of threads. */
int cgroup_threads(int group, struct arena *a, struct cgroup_pids *ret, struct err *e)
	__attribute__((warn_unused_result));

/* memory.events oom_kill of the group; 0 where there is no memory controller. */
unsigned long cgroup_oom_kills(int group);
