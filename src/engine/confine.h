/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What the parent does to a process that is ready and waits for the word to start:
 * the limits and scores that it could not set on itself, and reading back what it did set.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "orlop/err.h"
#include "orlop/plan.h"

struct confine {
	int procfs;
	pid_t pid;
	const struct plan *plan;
	const struct plan_process *process;
	bool user_ns;		/* it is in a user namespace: ids are compared through its maps */
	bool keeps_admin;	/* CAP_SYS_ADMIN until exec: the filter is still to be loaded */
	unsigned cap_last;
};

/*
 * Sets oom_score_adj and the resource limits, then compares ids, groups, capability sets and
 * no_new_privs as a procfs of ours shows them with the plan's. A restriction that was asked for
 * and is not in force is an error, whatever the calls that set it returned.
 */
int confine_process(const struct confine *c, struct err *e) __attribute__((warn_unused_result));
