/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Other limits for a group that is in use: all of them, or as it was before.
 */
#pragma once

#include <stddef.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/plan.h"

struct cgroup_change {
	const char *file, *value;	/* what undoes it: this value in this file */
};

/* What was written over, in the order of writing. */
struct cgroup_changes {
	struct cgroup_change *items;
	size_t count;
};

/*
 * Writes a plan's files to an existing group, enabling controllers above it where they are missing
 * (they stay enabled). On an error what was written before is taken back; a hint says so where that
 * did not work. (A cpuset that was empty, "as above", is taken back by writing what that was: the
 * kernel does not let a group with processes have an empty one again.) Device rules are not looked
 * at. With 0, *ret is what cgroup_update_undo needs.
 */
int cgroup_update(int group, const struct plan_cgroup *plan, struct arena *a,
		  struct cgroup_changes *ret, struct err *e) __attribute__((warn_unused_result));

/* Writes the old values back, the last one first, and adds a hint to *e where one is refused. */
void cgroup_update_undo(int group, const struct cgroup_changes *changes, struct err *e);

/*
 * PURE. What has to be written to `file`, whose text is `old`, to take back a write of `value`:
 * the whole text, or for a file with a line for each device the line that begins as the value does,
 * or what the kernel takes for "no limit" where there is none. NULL: it cannot be said.
 */
const char *cgroup_update_inverse(const char *file, const char *old, const char *value,
				  struct arena *a);
