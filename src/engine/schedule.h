/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. CPU affinity, scheduling policy and I/O priority. The parent sets them, because in a
 * user namespace the child has not the right to; what it set is read back.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "orlop/err.h"
#include "orlop/plan.h"

/* Whether schedule_process has anything to do for this process. */
bool schedule_wanted(const struct plan_process *process);

/*
 * Moves this process to the CPUs on which it is to make the other one (execCPUAffinity.initial);
 * nothing when the plan names none.
 */
int schedule_runtime(const struct plan_process *process, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Sets what the plan says on a process that is in its cgroup, and leads its process group. `pid` is
 * a child of ours that was not reaped. An error names the member of the configuration.
 */
int schedule_process(pid_t pid, const struct plan_process *process, struct err *e)
	__attribute__((warn_unused_result));
