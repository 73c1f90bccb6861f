/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Mount sources that the child cannot open itself: those behind directories that the
 * container's root may not search, those named through /proc, and all that are id-mapped, which
 * needs rights over the file system.
 */
#pragma once

#include "orlop/err.h"
#include "orlop/plan.h"

/*
 * A detached clone of the mount's source, id-mapped as the plan says. `container_ns` is the
 * container's user namespace descriptor, or -1. Returns a descriptor or -1.
 */
int source_open(const struct plan *plan, const struct plan_mount *mount, int procfs,
		int container_ns, struct err *e) __attribute__((warn_unused_result));

/* The same of a clone that the child made, where only it sees the source. 0 or -1. */
int source_map(int tree, const struct plan *plan, const struct plan_mount *mount, int procfs,
	       int container_ns, struct err *e) __attribute__((warn_unused_result));
