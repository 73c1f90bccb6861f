/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Waiting for what happens to a group: a process killed for want of memory, and the
 * end of the last process.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orlop/err.h"

struct cgroup_watch {
	int events;		/* cgroup.events */
	int memory;		/* memory.events; -1 without the memory controller */
	uint64_t kills;		/* that were reported or came before the watch */
};

#define CGROUP_WATCH_NONE ((struct cgroup_watch){ .events = -1, .memory = -1 })

enum cgroup_happening {
	CGROUP_HAPPENED_NOTHING,	/* until the end of the time */
	CGROUP_HAPPENED_OOM,		/* processes were killed since the last report */
	CGROUP_HAPPENED_END,		/* there is no process any more, or no group */
};

/* Begins to watch; closed by cgroup_watch_close. */
int cgroup_watch_open(int group, struct cgroup_watch *ret, struct err *e)
	__attribute__((warn_unused_result));

/* Waits until something happens, at the longest until `end` (fd_now_ms). A kill comes first. */
int cgroup_watch_wait(struct cgroup_watch *w, int64_t end, enum cgroup_happening *ret,
		      struct err *e) __attribute__((warn_unused_result));

void cgroup_watch_close(struct cgroup_watch *w);

#define auto_cgroup_watch __attribute__((cleanup(cgroup_watch_close))) struct cgroup_watch
