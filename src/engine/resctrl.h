/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Groups of the resctrl file system: found, made, compared, joined, removed. All is
 * beneath the descriptor of its root, so that a test can work on a directory of its own.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "orlop/err.h"
#include "orlop/plan.h"

/* Opens the mounted resctrl file system; a descriptor or -1. */
int resctrl_open(struct err *e) __attribute__((warn_unused_result));

/* Whether the plan's group is to be made: 1, or 0 when it is there and may be used; -1. */
int resctrl_is_new(int root, const struct plan_rdt *plan, struct err *e)
	__attribute__((warn_unused_result));

/*
 * With `make` the group is made and its schemata written; without it they are compared, and one
 * that differs is an error. Then the group for monitoring is made. On an error nothing that was
 * made here is left.
 */
int resctrl_prepare(int root, const struct plan_rdt *plan, bool make, struct err *e)
	__attribute__((warn_unused_result));

/* Puts a process into the group, and into that for monitoring. */
int resctrl_join(int root, const struct plan_rdt *plan, pid_t pid, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Puts every thread of a cgroup into the group, also those that are made meanwhile. An error when
 * they are made faster than they can be put there; some are in the group then.
 */
int resctrl_join_all(int root, const struct plan_rdt *plan, int cgroup, struct arena *a,
		     struct err *e) __attribute__((warn_unused_result));

/*
 * Writes the plan's schemata to a group that is there; what they do not say stays. *ret_old is what
 * was there, for resctrl_restore. On an error all is as it was, or a hint says that it is not.
 */
int resctrl_change(int root, const struct plan_rdt *plan, struct arena *a, const char **ret_old,
		   struct err *e) __attribute__((warn_unused_result));

/* Writes the lines of `old` that the plan's schemata changed; a hint to *e where one is refused. */
void resctrl_restore(int root, const struct plan_rdt *plan, const char *old, struct err *e);

/*
 * Removes a group ("" for none); an absent one is success. `shared`: only when no process is in it,
 * because those of others would silently lose what it gives them.
 */
int resctrl_remove(int root, const char *group, bool shared, struct err *e)
	__attribute__((warn_unused_result));
