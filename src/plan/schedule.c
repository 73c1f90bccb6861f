/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. How a process shares the machine with others: its CPUs, its scheduler, its place in the
 * queues of disks, the nodes that its memory comes from; and the execution domain.
 */
#include "plan/planner.h"

#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <string.h>

#include "base/names.h"
#include "base/text.h"
#include "oci/words.h"

/* More than any kernel has of CPUs (8192) or memory nodes (1024): what is beyond is a mistake. */
enum { NUMBER_MAX = 65535, PRIORITY_MIN = 1 };

/* A number at *text, which is moved behind it; -1: there is none, -2: it is too large. */
static long take_number(const char **text)
{
	const char *s = *text;
	long n = 0;

	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (*s - '0');
		if (n > NUMBER_MAX)
			return -2;
	}
	if (s == *text)
		return -1;
	*text = s;
	return n;
}

/* "3" or "0-3" without blanks around; NULL, or what is wrong with it. */
static const char *take_range(const char *range, long *first, long *last)
{
	*first = *last = take_number(&range);
	if (*first >= 0 && *range == '-') {
		range++;
		*last = take_number(&range);
	}
	if (*first == -2 || *last == -2)
		return "values larger than 65535 are not supported";
	if (*first < 0 || *last < *first || *range)
		return "invalid range";
	return NULL;
}

static void add_range(struct planner *p, struct plan_mask *mask, size_t first, size_t last)
{
	if (mask->count <= last / 64) {
		uint64_t *words = arena_new_array(p->a, uint64_t, last / 64 + 1);

		if (mask->count)
			memcpy(words, mask->words, mask->count * sizeof(*words));
		mask->words = words;
		mask->count = last / 64 + 1;
	}
	for (size_t n = first; n <= last; n++)
		mask->words[n / 64] |= UINT64_C(1) << (n % 64);
}

/*
 * A list as the kernel writes it, "0-3,7". As in runc blanks around a range and empty ranges are
 * no mistake; a list of nothing else is.
 */
static int read_mask(struct planner *p, const char *what, const char *list, unsigned line,
		     const char *member, struct plan_mask *ret)
{
	const char *at = list;

	while (at && *at) {
		size_t len = strcspn(at, ","), blanks = strspn(at, " \n");
		const char *next = at[len] ? at + len + 1 : NULL, *wrong;
		long first, last;
		char *range;

		if (blanks > len)
			blanks = len;
		at += blanks;
		len -= blanks;
		while (len && (at[len - 1] == ' ' || at[len - 1] == '\n'))
			len--;
		range = arena_strndup(p->a, at, len);
		at = next;
		if (!len)
			continue;
		wrong = take_range(range, &first, &last);
		if (wrong)
			return plan_refuse(p, line, member, "invalid %s %s: %s: %s", what,
					   text_quote(p->a, list, 40), wrong,
					   text_quote(p->a, range, 40));
		add_range(p, ret, (size_t)first, (size_t)last);
	}
	if (list && *list && !ret->count)
		return plan_refuse(p, line, member, "invalid %s %s: no numbers found", what,
				   text_quote(p->a, list, 40));
	return 0;
}

static bool has_number(const struct plan_mask *mask, size_t n)
{
	return n / 64 < mask->count && mask->words[n / 64] >> (n % 64) & 1;
}

const char *plan_mask_text(struct arena *a, const struct plan_mask *mask)
{
	struct text t = TEXT_IN(a);

	for (size_t n = 0; n < mask->count * 64; n++) {
		size_t first = n;

		if (!has_number(mask, n))
			continue;
		while (has_number(mask, n + 1))
			n++;
		text_printf(&t, "%s%zu", t.len ? "," : "", first);
		if (n > first)
			text_printf(&t, "-%zu", n);
	}
	return text_get(&t);
}

static size_t count_numbers(const struct plan_mask *mask)
{
	size_t count = 0;

	for (size_t n = 0; n < mask->count * 64; n++)
		count += has_number(mask, n);
	return count;
}

/* The policy owns some members; in others a value would be ignored or refused by the kernel. */
static int plan_scheduler(struct planner *p, const struct oci_process *process,
			  struct plan_process *ret)
{
	const struct oci_scheduler *s = &process->scheduler;
	bool realtime = s->policy == SCHED_FIFO || s->policy == SCHED_RR;

	if (!s->set)
		return 0;
	if (s->priority && !realtime)
		return plan_refuse(p, s->line, "process.scheduler.priority",
				   "scheduler.priority can only be specified for SchedFIFO or "
				   "SchedRR policy");
	if (realtime && s->priority < PRIORITY_MIN)
		return plan_refuse(p, s->line, "process.scheduler.priority",
				   "%s needs a priority of 1 to 99",
				   names_word(words_sched_policies, (uint64_t)s->policy));
	if (s->policy != SCHED_DEADLINE && (s->runtime || s->deadline || s->period))
		return plan_refuse(p, s->line, "process.scheduler",
				   "scheduler runtime/deadline/period can only be specified for "
				   "SchedDeadline policy");
	if (s->policy == SCHED_DEADLINE && (!s->runtime || !s->deadline))
		return plan_refuse(p, s->line, "process.scheduler",
				   "SCHED_DEADLINE needs a runtime and a deadline");
	ret->scheduler = *s;
	plan_because_of(p, s->line, "process.scheduler", "scheduler ");
	return 0;
}

/*
 * What the runtime may use is its caller's affair: an agent pinned to one CPU must not pin every
 * container. Only `exec` can ask for CPUs, and what it asks for is then all that is done.
 */
static int plan_affinity(struct planner *p, const struct oci_process *process, bool exec,
			 struct plan_process *ret)
{
	const struct oci_cpu_affinity *asked = &process->exec_cpu_affinity;
	struct plan_mask before = { 0 }, after = { 0 };

	if (read_mask(p, "CPU affinity", asked->initial, process->line,
		      "process.execCPUAffinity.initial", &before) ||
	    read_mask(p, "CPU affinity", asked->final, process->line,
		      "process.execCPUAffinity.final", &after))
		return -1;
	if (exec) {
		ret->cpus_before = before;
		ret->cpus = after;
	}
	ret->all_cpus = !ret->cpus_before.count && !ret->cpus.count;
	if (ret->all_cpus)
		plan_because(p, "default: the caller's CPU affinity is not passed on",
			     "cpu-affinity");
	return 0;
}

static int plan_memory_policy(struct planner *p, const struct oci_memory_policy *asked,
			      struct plan_memory_policy *ret)
{
	struct plan_memory_policy policy = { asked->set, asked->mode, asked->flags, { 0 } };
	uint32_t whose = asked->flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);
	const char *at = "linux.memoryPolicy.nodes";
	size_t count;

	if (!asked->set)
		return 0;
	if (read_mask(p, "memory policy nodes", asked->nodes, asked->line, at, &policy.nodes))
		return -1;
	count = count_numbers(&policy.nodes);
	if ((policy.mode == MPOL_DEFAULT || policy.mode == MPOL_LOCAL) && count)
		return plan_refuse(p, asked->line, at,
				   "memory policy mode requires 0 nodes but got %zu", count);
	if (policy.mode != MPOL_DEFAULT && policy.mode != MPOL_LOCAL &&
	    policy.mode != MPOL_PREFERRED && !count)
		return plan_refuse(p, asked->line, at,
				   "memory policy mode requires at least one node but got 0");
	at = "linux.memoryPolicy.flags";
	if (whose == (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES))
		return plan_refuse(p, asked->line, at, "MPOL_F_STATIC_NODES and "
				   "MPOL_F_RELATIVE_NODES exclude each other");
	if (whose && !count)
		return plan_refuse(p, asked->line, at, "%s needs nodes",
				   names_word(words_mempolicy_flags, whose));
	if ((policy.flags & MPOL_F_NUMA_BALANCING) && policy.mode != MPOL_BIND &&
	    policy.mode != MPOL_PREFERRED_MANY)
		return plan_refuse(p, asked->line, at,
				   "MPOL_F_NUMA_BALANCING is for MPOL_BIND and MPOL_PREFERRED_MANY");
	*ret = policy;
	plan_because_of(p, asked->line, "linux.memoryPolicy", "memory-policy ");
	return 0;
}

static int plan_linux(struct planner *p, const struct oci_linux *linux, struct plan_process *ret)
{
	const struct oci_personality *asked = &linux->personality;

	if (plan_memory_policy(p, &linux->memory_policy, &ret->memory_policy))
		return -1;
	ret->cpuset = linux->resources.cpu.cpus != NULL;
	ret->personality = (struct opt_u32){ asked->set, asked->domain };
	if (asked->set)
		plan_because_of(p, asked->line, "linux.personality", "personality");
	return 0;
}

int plan_schedule(struct planner *p, const struct oci_process *process,
		  const struct oci_linux *linux, bool exec, struct plan_process *ret)
{
	if (plan_affinity(p, process, exec, ret) || plan_scheduler(p, process, ret))
		return -1;
	ret->io_priority = process->io_priority;
	if (process->io_priority.set)
		plan_because_of(p, process->line, "process.ioPriority", "io-priority");
	return linux ? plan_linux(p, linux, ret) : 0;
}
