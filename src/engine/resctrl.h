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
 * Removes a group ("" for none); an absent one is success. `shared`: only when no process is in it,
 * because those of others would silently lose what it gives them.
 */
int resctrl_remove(int root, const char *group, bool shared, struct err *e)
	__attribute__((warn_unused_result));
