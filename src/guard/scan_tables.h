/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the tables of descriptors of a whole group, as few system calls as that takes: who has
 * something open that has to be judged. Two threads share the work; the second one waits for the
 * freeze and begins while the first still cuts.
 */
#pragma once

#include "engine/cgroup.h"

enum { TABLES_GROUPS_MAX = 4096 };

/* A descriptor that is a socket, a ring of io_uring, or a device that is not harmless. */
struct tables_noted {
	size_t at;		/* whose: the place of the process in the list */
	pid_t pid, tid;		/* tid: the thread whose table it is in */
	int fd;
	const char *target;	/* what /proc calls it: "socket:[12]" */
};

/* Processes that live and whose tables /proc does not show to us: one of them, and why. */
struct tables_unseen {
	size_t count;
	pid_t last;
	int code;		/* an errno */
};

struct tables {
	struct cgroup_pids pids;
	uint64_t *groups;		/* the ids of the cgroup and those below it */
	size_t group_count;
	struct tables_noted *noted;	/* in the order of the list */
	size_t noted_count;
	struct tables_unseen unseen;
	size_t missed;			/* processes for which there was no time */
	struct err error;		/* of a list that could not be read: no pids then */
	bool failed;
};

struct tables_run;

/*
 * Begins to wait for the freeze of the group, at the longest until `end` (freeze_now), in a thread
 * of its own where that is worth one. Never fails: without a thread the work is done at the end.
 */
struct tables_run *tables_begin(int group, uint64_t end, struct arena *a);

/*
 * Does the work together with that thread; `settled` says that everybody is frozen, so that what
 * was read of a table stays true. Looks no longer than until `end`. All is in the arena of the
 * beginning.
 */
const struct tables *tables_end(struct tables_run *run, bool settled, uint64_t end);
