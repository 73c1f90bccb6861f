/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What the parent does to the process: the limits and scores that it cannot set on
 * itself, and reading back what it did set, when it is ready and waits for the word to start.
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

/* Sets the plan's resource limits on the process (prlimit). */
int confine_set_limits(pid_t pid, const struct plan_process *process, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Sets oom_score_adj, then compares the SELinux label ordered for exec, ids, groups, capability
 * sets and no_new_privs, as a procfs of ours shows them, with the plan's. A restriction that was
 * asked for and is not in force is an error, whatever the calls that set it returned.
 */
int confine_process(const struct confine *c, struct err *e) __attribute__((warn_unused_result));
