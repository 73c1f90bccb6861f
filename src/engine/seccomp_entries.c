/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/seccomp_entries.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/seccomp_calls.h"

enum { ERRNO_MAX = 4095 };

int seccomp_answer(enum oci_seccomp_action action, struct opt_u32 value, uint32_t *ret,
		   const char *member, struct err *e)
{
	uint32_t data = value.set ? value.value : EPERM;

	switch (action) {
	case OCI_SECCOMP_KILL:
		*ret = SECCOMP_RET_KILL_THREAD;
		return 0;
	case OCI_SECCOMP_KILL_PROCESS:
		*ret = SECCOMP_RET_KILL_PROCESS;
		return 0;
	case OCI_SECCOMP_TRAP:
		*ret = SECCOMP_RET_TRAP;
		return 0;
	case OCI_SECCOMP_ERRNO:
		if (data > ERRNO_MAX)
			return err_set(e, ERR_CONFIG, "%s: errno %u is above %d", member, data,
				       ERRNO_MAX);
		*ret = SECCOMP_RET_ERRNO | data;
		return 0;
	case OCI_SECCOMP_TRACE:
		if (data > SECCOMP_RET_DATA)
			return err_set(e, ERR_CONFIG, "%s: %u is above %u", member, data,
				       SECCOMP_RET_DATA);
		*ret = SECCOMP_RET_TRACE | data;
		return 0;
	case OCI_SECCOMP_ALLOW:
		*ret = SECCOMP_RET_ALLOW;
		return 0;
	case OCI_SECCOMP_LOG:
		*ret = SECCOMP_RET_LOG;
		return 0;
	case OCI_SECCOMP_NOTIFY:
		*ret = SECCOMP_RET_USER_NOTIF;
		return 0;
	case OCI_SECCOMP_UNSET:
	case OCI_SECCOMP_COUNT_:
		break;
	}
	return err_set(e, ERR_CONFIG, "%s: an action is required", member);
}

/*
 * A condition as this architecture sees it, appended to list[count]. One that is always true is
 * left out. Returns the new count.
 */
static uint32_t add_condition(struct seccomp_condition *list, uint32_t count,
			    const struct oci_seccomp_arg *arg, uint64_t width)
{
	struct seccomp_condition c = { .op = arg->op, .index = arg->index,
				       .value = arg->value & width, .mask = width };

	if (arg->op == OCI_OP_MASKED_EQ) {
		c.mask = arg->value & width;
		c.value = arg->value_two & c.mask;
		if (c.mask == 0)
			return count;
	}
	list[count] = c;
	return count + 1;
}

static int by_index(const void *a, const void *b)
{
	const struct seccomp_condition *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static void push(struct seccomp_entries *all, const struct seccomp_entry *entry)
{
	if (all->count == all->room) {
		struct seccomp_entry *more;

		all->room *= 2;
		more = arena_new_array(all->arena, struct seccomp_entry, all->room);
		if (all->count)
			memcpy(more, all->items, all->count * sizeof(*more));
		all->items = more;
	}
	all->items[all->count++] = *entry;
}

/* Adds one alternative of a rule for one call. */
static void add_entry(struct seccomp_entries *all, const struct seccomp_call *call, uint32_t answer,
		      uint32_t order, const struct seccomp_condition *conditions, uint32_t count)
{
	struct seccomp_condition *kept = NULL;
	uint32_t n = 0;

	if (call->shared || count)
		kept = arena_new_array(all->arena, struct seccomp_condition, count + 1);
	if (call->shared)
		kept[n++] = (struct seccomp_condition){ .op = OCI_OP_EQ, .value = call->first,
			.mask = UINT32_MAX };
	for (uint32_t i = 0; i < count; i++)
		if (!call->shared || conditions[i].index != 0)
			kept[n++] = conditions[i];
	/* One order for the same conditions, so that they are seen to be the same. */
	if (n > 1)
		qsort(kept, n, sizeof(*kept), by_index);
	push(all, &(struct seccomp_entry){ .nr = call->nr, .answer = answer, .order = order,
				   .conditions = kept, .count = n });
}

static bool same_argument_twice(const struct oci_seccomp_rule *rule)
{
	unsigned seen = 0;

	for (size_t i = 0; i < rule->args.count; i++) {
		if (seen & 1U << rule->args.items[i].index)
			return true;
		seen |= 1U << rule->args.items[i].index;
	}
	return false;
}

/* Adds what the rule says about one call of an architecture. */
static void add_rule(struct seccomp_entries *all, const struct seccomp_call *call,
		     const struct oci_seccomp_rule *rule, uint32_t answer, uint32_t order,
		     uint64_t width)
{
	struct seccomp_condition list[SECCOMP_ARGS];
	uint32_t count = 0;

	if (!same_argument_twice(rule)) {
		for (size_t i = 0; i < rule->args.count; i++)
			count = add_condition(list, count, &rule->args.items[i], width);
		add_entry(all, call, answer, order, list, count);
		return;
	}
	for (size_t i = 0; i < rule->args.count; i++)
		add_entry(all, call, answer, order, list,
			  add_condition(list, 0, &rule->args.items[i], width));
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* By number; those of one number stay in the order of the rules. Sorting keys moves less memory. */
static void sort_by_number(struct seccomp_entries *all)
{
	struct seccomp_entry *sorted;
	uint64_t *keys = arena_new_array(all->arena, uint64_t, all->count);

	sorted = arena_new_array(all->arena, struct seccomp_entry, all->count);
	for (size_t i = 0; i < all->count; i++)
		keys[i] = (uint64_t)all->items[i].nr << 32 | i;
	qsort(keys, all->count, sizeof(*keys), by_key);
	for (size_t i = 0; i < all->count; i++)
		sorted[i] = all->items[(uint32_t)keys[i]];
	all->items = sorted;
	all->room = all->count;
}

static int by_severity(const void *a, const void *b)
{
	const struct seccomp_entry *x = a, *y = b;
	int32_t one = (int32_t)(x->answer & SECCOMP_RET_ACTION_FULL);
	int32_t two = (int32_t)(y->answer & SECCOMP_RET_ACTION_FULL);

	if (one != two)
		return one < two ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool same_conditions(const struct seccomp_entry *a, const struct seccomp_entry *b)
{
	return a->count == b->count &&
	       (a->count == 0 || memcmp(a->conditions, b->conditions,
					a->count * sizeof(*a->conditions)) == 0);
}

size_t seccomp_entries_tidy(struct seccomp_entry *items, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (items[i].count == 0) {
			items[0] = items[i];
			return 1;
		}
	qsort(items, count, sizeof(*items), by_severity);
	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (j < kept && !same_conditions(&items[i], &items[j]))
			j++;
		if (j == kept)
			items[kept++] = items[i];
	}
	return kept;
}

bool seccomp_entries_same(const struct seccomp_entry *a, size_t a_count,
			  const struct seccomp_entry *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (a[i].answer != b[i].answer || !same_conditions(&a[i], &b[i]))
			return false;
	return true;
}

int seccomp_entries_find(const struct oci_seccomp *rules, uint32_t fallback, uint32_t token,
			 struct arena *a, struct seccomp_entries *ret, struct err *e)
{
	uint64_t width = seccomp_arch_is_32bit(token) ? UINT32_MAX : UINT64_MAX;
	struct seccomp_arch arch;

	*ret = (struct seccomp_entries){ .arena = a, .room = 1 };
	for (size_t i = 0; i < rules->rules.count; i++)
		ret->room += rules->rules.items[i].names.count;	/* more only for shared calls */
	ret->items = arena_new_array(a, struct seccomp_entry, ret->room);
	seccomp_arch_init(&arch, token);
	for (size_t i = 0; i < rules->rules.count; i++) {
		const struct oci_seccomp_rule *rule = &rules->rules.items[i];
		uint32_t answer = 0;

		if (seccomp_answer(rule->action, rule->errno_ret, &answer, "action", e) < 0)
			return err_in(e, "linux.seccomp.syscalls[%zu]", i);
		for (size_t j = 0; j < rule->names.count; j++) {
			struct seccomp_call calls[2];
			size_t count = seccomp_call_find(&arch, rule->names.items[j], calls);

			for (size_t k = 0; k < count; k++) {
				if (calls[k].nr > ret->newest)
					ret->newest = calls[k].nr;
				if (answer == fallback)
					continue;
				add_rule(ret, &calls[k], rule, answer, (uint32_t)i, width);
				if (answer == SECCOMP_RET_USER_NOTIF)
					ret->notify = true;
			}
		}
	}
	sort_by_number(ret);
	return 0;
}
