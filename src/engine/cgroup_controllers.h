/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Which controllers a group has, and getting it those that the plan needs. A group
 * has the controllers that its parent's cgroup.subtree_control lists.
 */
#pragma once

#include <stdbool.h>

#include "orlop/err.h"
#include "orlop/plan.h"

/* Whether the plan says that the controller must be enabled. */
bool cgroup_controllers_planned(const struct plan_cgroup *plan, const char *controller);

/*
 * Whether each of the plan's controllers owns a file that the plan must write, so that a missing
 * controller shows by itself.
 */
bool cgroup_controllers_implied(const struct plan_cgroup *plan);

/*
 * Enables the controllers that the plan offers and the group lacks, for it and for what is above
 * it, as far as the kernel lets us and no process stands in the way.
 */
void cgroup_controllers_offer(int group, const struct plan_cgroup *plan);

/*
 * Enables what the plan's controllers lack, from the nearest group above that has them downwards.
 * 0, or -1 with an error that names the controller, the group and the member that wants it. Never
 * enables a controller for a group above that has processes: the kernel refuses that for most
 * controllers and, for the rest, makes every group below it unusable for containers.
 */
int cgroup_controllers_enable(int group, const struct plan_cgroup *plan, struct err *e)
	__attribute__((warn_unused_result));
