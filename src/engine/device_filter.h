/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The device rules of a cgroup as an eBPF program (BPF_CGROUP_DEVICE, Linux 4.15):
 * deny unless a rule allows, the last matching rule decides.
 */
#pragma once

#include "orlop/err.h"
#include "orlop/plan.h"

/*
 * Attaches the program made from the plan's rules to the group, replacing the one that is there;
 * exactly one is attached afterwards, and this was read back.
 */
int device_filter_attach(int group, const struct plan_cgroup *plan, struct err *e)
	__attribute__((warn_unused_result));
