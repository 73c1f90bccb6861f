/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a container that has gone bad. Works on a cgroup and a state directory alone: the
 * configuration may be broken, the record unreadable, the engine mistaken. Nothing here waits
 * longer than it was told to, and nothing is claimed that was not read back from the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

/* A condition of guard_freeze: the time is over and not everybody stands still. */
enum { GUARD_NOT_FROZEN = 1 };

/* A thread that is not frozen although that was asked for. */
struct guard_task {
	pid_t pid, tid;
	char state;		/* as proc(5) has it */
	bool in_kernel;		/* it waits in the kernel, and runs no code of its own there */
	const char *name, *where;	/* where: the kernel function that it waits in, or "" */
};

struct guard_tasks {
	struct guard_task *items;
	size_t count;
	size_t more;		/* threads beyond those listed */
};

/*
 * Asks for the group to be frozen and waits for cgroup.events to say so, at most timeout_ms. 0;
 * GUARD_NOT_FROZEN with those that are not in *ret, and the request left standing; -1.
 */
int guard_freeze(int group, unsigned timeout_ms, struct arena *a, struct guard_tasks *ret,
		 struct err *e) __attribute__((warn_unused_result));

/* Takes the request back. 0; 1 when it stays frozen (a group above is) after timeout_ms; -1. */
int guard_thaw(int group, unsigned timeout_ms, struct err *e) __attribute__((warn_unused_result));

/* Whether the freezing of the group is asked for (cgroup.freeze), whatever came of it. */
bool guard_freeze_asked(int group);

/* "12 (name) D in do_wait, 14 (name) R": the tasks for a message. */
const char *guard_tasks_text(const struct guard_tasks *tasks, struct arena *a);
