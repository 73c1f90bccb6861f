/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. A resources object as files of a cgroup v2 directory and what is written to them.
 *
 * The order of the writes is that of runc, which engines were tested with: pids, memory, io, cpu,
 * cpuset, hugetlb, rdma, and `unified` last because it overrules. Two rules hold throughout:
 * a value that says "no limit" needs no controller, every other one does and is refused by name
 * without it; and what exists in cgroup v1 only is refused unless its value changes nothing.
 */
#include "plan/limits.h"

#include <string.h>

char *limits_at(const struct limits *l, const char *member)
{
	return plan_at(l->p, "%s.%s", l->at, member);
}

static void push(struct limits *l, const char *controller, unsigned line, const char *member,
		 const char *file, const char *value, bool skip_if_absent)
{
	LIST_PUSH(l->p->a, l->cgroup->writes, { .file = file, .value = value,
		  .controller = controller, .member = member, .skip_if_absent = skip_if_absent });
	plan_because_of(l->p, line, member, "cgroup-write %s ", plan_word(l->p->a, file));
}

int limits_put(struct limits *l, const char *controller, unsigned line, const char *member,
	       const char *file, const char *value)
{
	BUG_ON(!controller);
	return limits_put_named(l, controller, line, member, file, value);
}

int limits_put_unlimited(struct limits *l, const char *controller, unsigned line,
			 const char *member, const char *file, const char *value)
{
	if (!plan_has_controller(l->p, controller) || l->cgroup->driver == PLAN_CGROUP_DISABLED)
		return 0;
	member = limits_at(l, member);
	if (plan_want_controller(l->p, l->cgroup, controller, line, member))
		return -1;
	push(l, controller, line, member, file, value, true);
	return 0;
}

int limits_put_named(struct limits *l, const char *controller, unsigned line, const char *member,
		     const char *file, const char *value)
{
	member = limits_at(l, member);
	if (controller && plan_want_controller(l->p, l->cgroup, controller, line, member))
		return -1;
	push(l, controller, line, member, file, value, false);
	return 0;
}

int limits_refuse_v1(struct limits *l, unsigned line, const char *member)
{
	return plan_refuse(l->p, line, limits_at(l, member),
			   "exists in cgroup v1 only and has no counterpart in cgroup v2");
}

char *limits_number(const struct limits *l, long long value)
{
	return plan_at(l->p, "%lld", value);
}

/*
 * Before version 1.3 of the specification whoever wrote a configuration could not leave the number
 * out, and 0 stood for no limit; engines of that time (Podman 4) mean that.
 */
static bool zero_is_none(const struct limits *l)
{
	const char *minor;

	if (l->update)
		return false;
	minor = l->p->config->oci_version + strlen("1.");
	return minor[0] < '3' && minor[1] == '.';
}

static int plan_pids(struct limits *l)
{
	int64_t limit = l->r->pids.limit.value;

	if (!l->r->pids.limit.set)
		return 0;
	if (limit < 0 || (limit == 0 && zero_is_none(l)))
		return limits_put_unlimited(l, "pids", l->r->line, "pids.limit", "pids.max", "max");
	/* 0 would forbid the container's first process as well; runc writes 1 for it. */
	return limits_put(l, "pids", l->r->line, "pids.limit", "pids.max",
			  limits_number(l, limit ? limit : 1));
}

/*
 * The configuration's swap is memory and swap together, the kernel's memory.swap.max is swap
 * alone. 0 counts as absent, as with every engine.
 */
static int plan_swap(struct limits *l)
{
	int64_t limit = l->r->memory.limit.value, swap = l->r->memory.swap.value;
	unsigned line = l->r->memory.line;
	const char *at = "memory.swap", *file = "memory.swap.max";

	if (swap == -1 || (swap == 0 && limit == -1))
		return limits_put_unlimited(l, "memory", line, at, file, "max");
	if (swap == 0)
		return 0;
	if (limit == 0)
		return plan_refuse(l->p, line, limits_at(l, at),
				   "unable to set swap limit without memory limit");
	if (limit == -1)
		return plan_refuse(l->p, line, limits_at(l, at),
				   "unable to set swap limit when memory is unlimited");
	if (swap < limit) {
		plan_refuse(l->p, line, limits_at(l, at),
			    "memory+swap limit should be >= memory limit");
		return err_hint(l->p->e, "%lld is less than memory.limit, %lld: swap means memory and "
					 "swap together", (long long)swap, (long long)limit);
	}
	/* A kernel without swap has no such file, and nothing to forbid. */
	if (swap == limit)
		return limits_put_unlimited(l, "memory", line, at, file, "0");
	return limits_put(l, "memory", line, at, file, limits_number(l, swap - limit));
}

static int plan_memory_v1(struct limits *l)
{
	const struct oci_memory *m = &l->r->memory;

	if (m->kernel.value > 0)
		return limits_refuse_v1(l, m->line, "memory.kernel");
	if (m->kernel_tcp.value > 0)
		return limits_refuse_v1(l, m->line, "memory.kernelTCP");
	if (m->swappiness.set)
		return limits_refuse_v1(l, m->line, "memory.swappiness");
	if (m->disable_oom_killer.value)
		return limits_refuse_v1(l, m->line, "memory.disableOOMKiller");
	/*
	 * useHierarchy says nothing here: every group of cgroup v2 is hierarchical.
	 * checkBeforeUpdate compares with what is in use: for whoever knows that (update).
	 */
	return 0;
}

static int plan_memory(struct limits *l)
{
	const struct oci_memory *m = &l->r->memory;
	const struct {
		const struct opt_i64 *value;
		const char *member, *file;
	} rows[] = {
		{ &m->limit, "memory.limit", "memory.max" },
		{ &m->reservation, "memory.reservation", "memory.low" },
	};

	if (plan_memory_v1(l) || plan_swap(l))
		return -1;
	for (size_t i = 0; i < 2; i++) {
		int64_t value = rows[i].value->value;

		if (value == 0)
			continue;
		if (value == -1 && limits_put_unlimited(l, "memory", m->line, rows[i].member,
						 rows[i].file, "max"))
			return -1;
		if (value > 0 && limits_put(l, "memory", m->line, rows[i].member, rows[i].file,
				     limits_number(l, value)))
			return -1;
	}
	return 0;
}

/*
 * cpu.weight (1 to 10000, default 100) for cgroup v1 shares (2 to 262144, default 1024): the curve
 * 10^((l^2 + 125 l) / 612 - 7/34), l = log2(shares), which meets the three pairs lowest, default
 * and highest; runc since 1.3.2 and crun since 1.23 use it. Written out, because a static binary
 * gains nothing from carrying libm for it: log2 by squaring, the power by its series. The result
 * equals ceil(pow()) for every value there is; tests/unit/test_plan_limits.c compares them all.
 */
uint64_t limit_cpu_weight(uint64_t shares)
{
	double l = 0, bit = 1, x, y, term = 1, sum = 1;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	for (x = (double)shares; x >= 2; x /= 2)
		l += 1;
	for (int i = 0; i < 52; i++) {
		bit /= 2;
		x *= x;
		if (x >= 2) {
			x /= 2;
			l += bit;
		}
	}
	y = ((l * l + 125 * l) / 612 - 7.0 / 34) * 2.302585092994045684 / 16;
	for (int i = 1; i < 24; i++) {
		term *= y / i;
		sum += term;
	}
	for (int i = 0; i < 4; i++)
		sum *= sum;
	/* Rounded up; the curve passes through whole numbers, which must stay themselves. */
	return (uint64_t)(sum - 1e-8) + 1;
}

static int plan_cpu_max(struct limits *l)
{
	const struct oci_cpu *c = &l->r->cpu;
	int64_t quota = c->quota.value;
	uint64_t period = c->period.value, burst = c->burst.value;
	bool bounded = quota > 0;

	if (c->burst.set && bounded && burst > (uint64_t)quota)
		return plan_refuse(l->p, c->line, limits_at(l, "cpu.burst"),
				   "%llu is more than the quota, %lld", (unsigned long long)burst,
				   (long long)quota);
	/* A burst that is left over would forbid a smaller quota: taken away first. */
	if (l->update && c->burst.set &&
	    limits_put(l, "cpu", c->line, "cpu.burst", "cpu.max.burst", "0"))
		return -1;
	if (quota || period) {
		const char *member = quota ? "cpu.quota" : "cpu.period";
		char *value = bounded ? plan_at(l->p, "%lld", (long long)quota) :
					plan_at(l->p, "max");

		/* Without a period the kernel keeps the one it has; 100000 in a new group. */
		if (period)
			value = plan_at(l->p, "%s %llu", value, (unsigned long long)period);
		if (bounded ? limits_put(l, "cpu", c->line, member, "cpu.max", value) :
			      limits_put_unlimited(l, "cpu", c->line, member, "cpu.max", value))
			return -1;
	}
	if (c->burst.set && burst)
		return limits_put(l, "cpu", c->line, "cpu.burst", "cpu.max.burst",
			   plan_at(l->p, "%llu", (unsigned long long)burst));
	return 0;
}

static int plan_cpu(struct limits *l)
{
	const struct oci_cpu *c = &l->r->cpu;
	uint64_t shares = c->shares.value;

	if (c->realtime_runtime.value)
		return limits_refuse_v1(l, c->line, "cpu.realtimeRuntime");
	if (c->realtime_period.value)
		return limits_refuse_v1(l, c->line, "cpu.realtimePeriod");
	if (c->idle.value && shares)
		return plan_refuse(l->p, c->line, limits_at(l, "cpu.shares"),
				   "unable to apply both "
				   "shares and idle: an idle group has the lowest weight there is");
	if (c->idle.set && (c->idle.value || l->update)) {
		if (c->idle.value ? limits_put(l, "cpu", c->line, "cpu.idle", "cpu.idle", "1") :
			    limits_put_unlimited(l, "cpu", c->line, "cpu.idle", "cpu.idle", "0"))
			return -1;
	}
	if (shares && limits_put(l, "cpu", c->line, "cpu.shares", "cpu.weight",
			  limits_number(l, (long long)limit_cpu_weight(shares))))
		return -1;
	return plan_cpu_max(l);
}

static int plan_cpuset(struct limits *l)
{
	const struct oci_cpu *c = &l->r->cpu;
	const struct {
		const char *value, *member, *file;
	} rows[] = {
		{ c->cpus, "cpu.cpus", "cpuset.cpus" },
		{ c->mems, "cpu.mems", "cpuset.mems" },
	};

	for (size_t i = 0; i < 2; i++) {
		if (rows[i].value && limits_put(l, "cpuset", c->line, rows[i].member, rows[i].file,
						rows[i].value))
			return -1;
	}
	return 0;
}

int plan_limits(struct planner *p, const struct oci_resources *resources, const char *at,
		bool update, struct plan_cgroup *ret)
{
	struct limits l = { .p = p, .r = resources, .at = at, .update = update, .cgroup = ret };

	if (resources->network.class_id.value)
		return limits_refuse_v1(&l, resources->line, "network.classID");
	if (resources->network.priorities)
		return limits_refuse_v1(&l, resources->line, "network.priorities");
	if (plan_pids(&l) || plan_memory(&l) || limits_io(&l) || plan_cpu(&l) || plan_cpuset(&l) ||
	    limits_hugepages(&l) || limits_rdma(&l) || limits_unified(&l))
		return -1;
	return 0;
}
