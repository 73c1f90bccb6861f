/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/schedule.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>	/* and not <sched.h>, which is not made to stand beside it */
#include <sys/syscall.h>
#include <unistd.h>

bool schedule_wanted(const struct plan_process *process)
{
	return process->cpus.count || process->scheduler.set || process->io_priority.set;
}

static int set_cpus(pid_t pid, const struct plan_mask *cpus, const char *member, struct err *e)
{
	if (syscall(SYS_sched_setaffinity, pid, cpus->count * sizeof(*cpus->words),
		    cpus->words) == 0)
		return 0;
	err_sys(e, "%s", member);
	return e->code == EINVAL ? err_hint(e, "none of these CPUs is there, or the container's "
					       "cpuset has none of them") : -1;
}

int schedule_runtime(const struct plan_process *process, struct err *e)
{
	if (!process->cpus_before.count)
		return 0;
	return set_cpus(0, &process->cpus_before, "process.execCPUAffinity.initial", e);
}

static int scheduler_failed(const struct plan_process *process, struct err *e)
{
	int code = errno;

	/* sched_setattr(2): a deadline needs every CPU that it could be moved to. */
	if (code == EPERM && process->cpuset)
		return err_set(e, ERR_CONFIG,
			       "process scheduler can't be used together with AllowedCPUs");
	err_sys(e, "error setting scheduler");
	if (code == EPERM)
		err_hint(e, "it may need CAP_SYS_NICE, a cgroup with real-time run time, or, for "
			    "SCHED_DEADLINE, an affinity of all CPUs");
	if (code == EBUSY)
		err_hint(e, "the CPUs have no room for that much run time per period");
	if (code == EINVAL)
		err_hint(e, "SCHED_DEADLINE wants 1024 <= runtime <= deadline <= period; a flag may be "
			    "unknown to this kernel");
	return -1;
}

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool has_nice(int policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH;
}

/* The kernel adjusts some members (a period of 0 is the deadline), so only the rest is compared. */
static bool is_in_force(const struct oci_scheduler *s, const struct sched_attr *have)
{
	if (s->flags & SCHED_FLAG_KEEP_ALL)
		return true;
	if (have->sched_policy != (uint32_t)s->policy)
		return false;
	if (is_realtime(s->policy))
		return have->sched_priority == (uint32_t)s->priority;
	return !has_nice(s->policy) || have->sched_nice == s->nice;
}

static int set_scheduler(pid_t pid, const struct plan_process *process, struct err *e)
{
	const struct oci_scheduler *s = &process->scheduler;
	struct sched_attr attr = {
		.size = sizeof(attr), .sched_policy = (uint32_t)s->policy,
		.sched_flags = s->flags, .sched_nice = s->nice,
		.sched_priority = (uint32_t)s->priority, .sched_runtime = s->runtime,
		.sched_deadline = s->deadline, .sched_period = s->period,
	};
	struct sched_attr have = { 0 };

	if (!s->set)
		return 0;
	if (syscall(SYS_sched_setattr, pid, &attr, 0) < 0)
		return scheduler_failed(process, e);
	if (syscall(SYS_sched_getattr, pid, &have, sizeof(have), 0) < 0)
		return err_sys(e, "read the scheduler back");
	if (!is_in_force(s, &have))
		return err_set(e, ERR_INTERNAL, "process.scheduler: is not in force: policy %u, "
			       "nice %d, priority %u", have.sched_policy, have.sched_nice,
			       have.sched_priority);
	return 0;
}

static int set_io_priority(pid_t pid, const struct oci_io_priority *io, struct err *e)
{
	int value = IOPRIO_PRIO_VALUE(io->class, io->priority);

	if (!io->set)
		return 0;
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PGRP, pid, value) < 0) {
		err_sys(e, "process.ioPriority");
		return e->code == EPERM ? err_hint(e, "IOPRIO_CLASS_RT needs CAP_SYS_NICE or "
						      "CAP_SYS_ADMIN") : -1;
	}
	if (syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid) != value)
		return err_set(e, ERR_INTERNAL, "process.ioPriority: is not in force");
	return 0;
}

int schedule_process(pid_t pid, const struct plan_process *process, struct err *e)
{
	/* Affinity first: a deadline forbids to change it. */
	if (process->cpus.count &&
	    set_cpus(pid, &process->cpus, "process.execCPUAffinity.final", e) < 0)
		return -1;
	if (set_scheduler(pid, process, e) < 0)
		return -1;
	return set_io_priority(pid, &process->io_priority, e);
}
