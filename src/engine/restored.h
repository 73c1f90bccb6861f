/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What came back from a checkpoint's images, held against the configuration. Images
 * are data that somebody kept somewhere: what they may do is decided here and not there.
 */
#pragma once

#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/plan.h"

struct restored {
	const struct plan *plan;
	pid_t pid;			/* of the first process; none of them runs yet */
	int group;			/* its cgroup's descriptor, or -1 */
	const char *lsm_profile;	/* instead of the configuration's, "TYPE:NAME"; or NULL */
	unsigned cap_last;
};

/*
 * Namespaces, cgroup, root and masks of the first process, and of every thread that it has or that
 * descends from it capabilities, no_new_privs, filter and label: none may do more than the
 * configuration allows. They may do less, as programs do that have given rights up. What filter it
 * is cannot be told from here, only that there is one. CRIU's own processes, which are still in
 * the group, are not asked.
 */
int restored_check(const struct restored *r, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
