/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a group as /proc shows them.
 */
#pragma once

#include "orlop/guard.h"

/*
 * Those that the freezer has not got, the processes in ascending order; at most TASKS_MAX, and of
 * more than these the ones that refuse before the ones that are only late.
 */
enum { TASKS_MAX = 64 };
int tasks_not_frozen(int group, struct arena *a, struct guard_tasks *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * PURE. Whether there is room for one more, in this state, at the end of the list: where it is
 * full, one that refuses gets the place of the first that is only late. The others are counted.
 */
bool tasks_make_room(struct guard_tasks *ret, char state, struct arena *a);

/*
 * Opens the directory below /proc that shows the process's program and memory; -1 when none does.
 * A process whose first thread has ended shows nothing under its number, while the other threads go
 * on: then it is the one of such a thread, for /proc takes the number of any.
 */
int tasks_open(pid_t pid);

/* Whether there is such a process, also one that /proc does not show. */
bool tasks_is_there(pid_t pid);

/*
 * PURE. Whether a thread with this letter, which waits in this kernel function ("" or "0": it is
 * not said), is one that counts as frozen.
 */
bool tasks_is_frozen(char state, const char *where);
