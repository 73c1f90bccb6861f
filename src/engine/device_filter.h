/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The device rules of a cgroup as an eBPF program (BPF_CGROUP_DEVICE, Linux 4.15):
 * deny unless a rule allows, the last matching rule decides.
 *
 * "Matching" is said for each right that a request asks for: opening for reading and writing is
 * allowed when reading is and writing is. So a later rule that denies writing cannot be passed by
 * asking for both. A request for no right at all (access(2), F_OK) is allowed by the last rule
 * that allows anything on the device or denies everything on it.
 */
#pragma once

#include <linux/bpf.h>
#include <stddef.h>

#include "orlop/err.h"
#include "orlop/plan.h"

/*
 * Attaches the program made from the plan's rules to the group, replacing the one of ours that is
 * there; exactly one of ours is attached afterwards, and this was read back. A program of somebody
 * else stays (systemd's, for a DevicePolicy): then both have to allow. In between both the old and
 * the new one decide, so no request is allowed that neither of them would.
 */
int device_filter_attach(int group, const struct plan_cgroup *plan, struct err *e)
	__attribute__((warn_unused_result));

/* How many instructions the program of so many rules has at most. */
enum { DEVICE_FILTER_FIXED = 14, DEVICE_FILTER_PER_RULE = 9 };

/* PURE. Writes the program for the rules to `code`; returns how many instructions it has. */
size_t device_filter_code(const struct plan_device_rule *rules, size_t count,
			  struct bpf_insn *code);
