/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/seccomp_calls.h"
#include "engine/seccomp_code.h"
#include "orlop/auto.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV	/* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { ARGS = 6, ERRNO_MAX = 4095, LIST_MAX = 32 };

static const uint32_t x32_bit = 0x40000000, skipped = 0xffffffff;

/* A condition as one of six comparisons, or (argument & mask) == value. */
struct condition {
	uint32_t op, index;	/* enum oci_seccomp_op */
	uint64_t value, mask;
};

/* What one name of one rule says about one number. */
struct entry {
	uint32_t nr, answer;
	size_t order;			/* in the profile */
	const struct condition *conditions;
	size_t count;			/* 0: always */
};

struct entries {
	struct arena *arena;
	struct entry *items;
	size_t count, room;
};

/* From `start` on a number has the answer, or is decided by the code at `place`. */
struct interval {
	uint32_t start, answer;
	size_t place;			/* 0: the answer */
};

struct intervals {
	struct arena *arena;
	struct interval *items;
	size_t count, room;
};

/* The code of the groups of entries that were written already, to be shared. */
struct block {
	struct block *next;
	const struct entry *entries;
	size_t count, place;
};

struct compiler {
	const struct oci_seccomp *rules;
	struct arena *arena;
	uint32_t fallback;		/* the answer of the default */
	uint32_t beyond;		/* and of numbers beyond the newest that is named */
	bool notify;
	struct seccomp_code code;
};

static void *grown(struct arena *a, void *items, size_t count, size_t *room, size_t size)
{
	void *more;

	if (count < *room)
		return items;
	*room = *room ? *room * 2 : 512;
	more = arena_array(a, *room, size);
	if (count)
		memcpy(more, items, count * size);
	return more;
}

/* What the kernel is answered; -1 with the member that is wrong. */
static int answer_of(enum oci_seccomp_action action, struct opt_u32 value, uint32_t *ret,
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
static size_t add_condition(struct condition *list, size_t count, const struct oci_seccomp_arg *arg,
			    uint64_t width)
{
	struct condition c = { .op = arg->op, .index = arg->index, .value = arg->value & width,
		.mask = width };

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
	const struct condition *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/* Adds one alternative of a rule for one call. */
static void add_entry(struct entries *all, const struct seccomp_call *call, uint32_t answer,
		      size_t order, const struct condition *conditions, size_t count)
{
	struct condition *kept = arena_new_array(all->arena, struct condition, count + 1);
	size_t n = 0;

	if (call->shared)
		kept[n++] = (struct condition){ .op = OCI_OP_EQ, .value = call->first,
			.mask = UINT32_MAX };
	for (size_t i = 0; i < count; i++)
		if (!call->shared || conditions[i].index != 0)
			kept[n++] = conditions[i];
	/* One order for the same conditions, so that they are seen to be the same. */
	qsort(kept, n, sizeof(*kept), by_index);
	all->items = grown(all->arena, all->items, all->count, &all->room, sizeof(*all->items));
	all->items[all->count++] = (struct entry){ .nr = call->nr, .answer = answer,
		.order = order, .conditions = kept, .count = n };
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
static void add_rule(struct entries *all, const struct seccomp_call *call,
		     const struct oci_seccomp_rule *rule, uint32_t answer, size_t order,
		     uint64_t width)
{
	struct condition list[ARGS];
	size_t count = 0;

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

static int by_number(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->nr != y->nr)
		return x->nr < y->nr ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static int by_severity(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int32_t one = (int32_t)(x->answer & SECCOMP_RET_ACTION_FULL);
	int32_t two = (int32_t)(y->answer & SECCOMP_RET_ACTION_FULL);

	if (one != two)
		return one < two ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool same_conditions(const struct entry *a, const struct entry *b)
{
	return a->count == b->count &&
	       memcmp(a->conditions, b->conditions, a->count * sizeof(*a->conditions)) == 0;
}

/* Puts the entries of one number in the order in which they are tried; returns how many are. */
static size_t group_tidy(struct entry *items, size_t count)
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

static bool same_group(const struct block *block, const struct entry *items, size_t count)
{
	if (block->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (block->entries[i].answer != items[i].answer ||
		    !same_conditions(&block->entries[i], &items[i]))
			return false;
	return true;
}

/* --- code --- */

struct target {
	uint32_t token;
	bool narrow, little;
};

static size_t load_half(struct seccomp_code *code, const struct target *t, uint32_t index,
			bool upper)
{
	size_t offset = offsetof(struct seccomp_data, args) + index * sizeof(uint64_t);

	return seccomp_code_load(code, offset + (upper == t->little ? sizeof(uint32_t) : 0));
}

/* The places for an argument that is ordered against a value: above it, equal to it, below it. */
static size_t compare(struct seccomp_code *code, const struct target *t,
		      const struct condition *c, size_t above, size_t equal, size_t below)
{
	uint32_t low = (uint32_t)c->value, high = (uint32_t)(c->value >> 32);
	size_t lower;

	/* One of the places is the same as another: two tests at the most. */
	if (equal == above)
		lower = seccomp_code_test(code, BPF_JGE, low, above, below);
	else if (equal == below)
		lower = seccomp_code_test(code, BPF_JGT, low, above, below);
	else
		lower = seccomp_code_test(code, BPF_JEQ, low, equal, above);
	lower = load_half(code, t, c->index, false);
	if (t->narrow)
		return lower;
	if (above == below) {
		seccomp_code_test(code, BPF_JEQ, high, lower, below);
	} else {
		size_t rest = seccomp_code_test(code, BPF_JEQ, high, lower, below);

		seccomp_code_test(code, BPF_JGT, high, above, rest);
	}
	return load_half(code, t, c->index, true);
}

static size_t compare_masked(struct seccomp_code *code, const struct target *t,
			     const struct condition *c, size_t yes, size_t no)
{
	for (int upper = 0; upper < 2; upper++) {
		uint32_t mask = (uint32_t)(c->mask >> (upper ? 32 : 0));
		uint32_t value = (uint32_t)(c->value >> (upper ? 32 : 0));

		if (mask == 0)
			continue;
		seccomp_code_test(code, BPF_JEQ, value, yes, no);
		if (mask != UINT32_MAX)
			seccomp_code_mask(code, mask);
		yes = load_half(code, t, c->index, upper);
	}
	return yes;
}

static size_t write_condition(struct seccomp_code *code, const struct target *t,
			      const struct condition *c, size_t yes, size_t no)
{
	switch ((enum oci_seccomp_op)c->op) {
	case OCI_OP_EQ:
		return compare(code, t, c, no, yes, no);
	case OCI_OP_NE:
		return compare(code, t, c, yes, no, yes);
	case OCI_OP_LT:
		return compare(code, t, c, no, no, yes);
	case OCI_OP_LE:
		return compare(code, t, c, no, yes, yes);
	case OCI_OP_GE:
		return compare(code, t, c, yes, yes, no);
	case OCI_OP_GT:
		return compare(code, t, c, yes, no, no);
	case OCI_OP_MASKED_EQ:
		return compare_masked(code, t, c, yes, no);
	case OCI_OP_COUNT_:
		break;
	}
	BUG_ON(true);
	return no;
}

/* The code of a call with conditions: the entries one after the other, then the default. */
static size_t write_group(struct compiler *compiler, const struct target *t,
			  const struct entry *items, size_t count)
{
	struct seccomp_code *code = &compiler->code;
	size_t place = seccomp_code_return(code, compiler->fallback);

	while (count-- > 0) {
		size_t yes = seccomp_code_return(code, items[count].answer);

		for (size_t i = items[count].count; i-- > 0;)
			yes = write_condition(code, t, &items[count].conditions[i], yes, place);
		place = yes;
	}
	return place;
}

static size_t group_place(struct compiler *compiler, const struct target *t,
			  const struct entry *items, size_t count, struct block **blocks)
{
	struct block *block;

	for (block = *blocks; block; block = block->next)
		if (same_group(block, items, count))
			return block->place;
	block = arena_new(compiler->arena, struct block);
	*block = (struct block){ .next = *blocks, .entries = items, .count = count };
	block->place = write_group(compiler, t, items, count);
	*blocks = block;
	return block->place;
}

/* --- numbers --- */

static void from_here(struct intervals *list, uint32_t start, uint32_t answer, size_t place)
{
	struct interval *last = list->count ? &list->items[list->count - 1] : NULL;

	if (last && last->start == start) {
		list->count--;
		last = list->count ? last - 1 : NULL;
	}
	if (last && last->place == place && (place || last->answer == answer))
		return;
	list->items = grown(list->arena, list->items, list->count, &list->room,
			    sizeof(*list->items));
	list->items[list->count++] = (struct interval){ .start = start, .answer = answer,
		.place = place };
}

/* Everything that the profile says about the calls of one architecture. */
static int find_entries(struct compiler *compiler, uint32_t token, struct entries *ret,
			uint32_t *ret_newest, struct err *e)
{
	uint64_t width = seccomp_arch_is_32bit(token) ? UINT32_MAX : UINT64_MAX;
	struct seccomp_arch arch;

	seccomp_arch_init(&arch, token);
	for (size_t i = 0; i < compiler->rules->rules.count; i++) {
		const struct oci_seccomp_rule *rule = &compiler->rules->rules.items[i];
		uint32_t answer = 0;

		if (answer_of(rule->action, rule->errno_ret, &answer, "action", e) < 0)
			return err_in(e, "linux.seccomp.syscalls[%zu]", i);
		for (size_t j = 0; j < rule->names.count; j++) {
			struct seccomp_call calls[2];
			size_t count = seccomp_call_find(&arch, rule->names.items[j], calls);

			for (size_t k = 0; k < count; k++) {
				if (calls[k].nr > *ret_newest)
					*ret_newest = calls[k].nr;
				if (answer == compiler->fallback)
					continue;
				add_rule(ret, &calls[k], rule, answer, i, width);
				if (answer == SECCOMP_RET_USER_NOTIF)
					compiler->notify = true;
			}
		}
	}
	return 0;
}

/* The intervals of one architecture's numbers, which begin at `start`. */
static int add_numbers(struct compiler *compiler, uint32_t token, uint32_t start,
		       struct intervals *list, struct err *e)
{
	struct target target = { token, seccomp_arch_is_32bit(token),
		seccomp_arch_is_little(token) };
	struct entries all = { .arena = compiler->arena };
	uint32_t newest = start, next = start;
	struct block *blocks = NULL;

	if (find_entries(compiler, token, &all, &newest, e) < 0)
		return -1;
	if (all.count)
		qsort(all.items, all.count, sizeof(*all.items), by_number);
	for (size_t i = 0, end; i < all.count; i = end) {
		struct entry *group = &all.items[i];
		uint32_t nr = group->nr;
		size_t kept, place = 0;

		for (end = i + 1; end < all.count && all.items[end].nr == nr; end++)
			;
		if (nr > next)
			from_here(list, next, compiler->fallback, 0);
		kept = group_tidy(group, end - i);
		if (group->count > 0)
			place = group_place(compiler, &target, group, kept, &blocks);
		from_here(list, nr, group->answer, place);
		next = nr + 1;
		if (compiler->code.count > 16 * BPF_MAXINSNS)
			return err_set(e, ERR_CONFIG, "linux.seccomp: the filter is far beyond the "
						      "kernel's limit of %d instructions",
				       BPF_MAXINSNS);
	}
	if (next <= newest)
		from_here(list, next, compiler->fallback, 0);
	from_here(list, newest + 1, newest > start ? compiler->beyond : compiler->fallback, 0);
	return 0;
}

/* A binary search over the intervals [low, high]; returns where it begins. */
static size_t write_search(struct seccomp_code *code, const struct interval *list, size_t low,
			   size_t high)
{
	const struct interval *first = &list[low], *last = &list[high];
	size_t middle, right, left;

	if (low == high)
		return first->place ? first->place : seccomp_code_return(code, first->answer);
	/* A single number amid others that are all the same. */
	if (high == low + 2 && list[low + 1].start + 1 == last->start &&
	    first->place == last->place && first->answer == last->answer) {
		left = write_search(code, list, low, low);
		right = write_search(code, list, low + 1, low + 1);
		return seccomp_code_test(code, BPF_JEQ, list[low + 1].start, right, left);
	}
	middle = low + (high - low + 1) / 2;
	right = write_search(code, list, middle, high);
	left = write_search(code, list, low, middle - 1);
	return seccomp_code_test(code, BPF_JGE, list[middle].start, right, left);
}

/* --- architectures --- */

struct tokens {
	uint32_t items[LIST_MAX];
	size_t count;
};

static bool token_listed(const struct tokens *tokens, uint32_t token)
{
	for (size_t i = 0; i < tokens->count; i++)
		if (tokens->items[i] == token)
			return true;
	return false;
}

/*
 * The native architecture first, then those of the profile. One of the other byte order cannot
 * make calls here, so leaving it out changes nothing: whatever is not in the filter is killed.
 */
static int list_tokens(const struct oci_seccomp *rules, uint32_t native, struct tokens *ret,
		       struct err *e)
{
	*ret = (struct tokens){ .items = { native }, .count = 1 };
	for (size_t i = 0; i < rules->architectures.count; i++) {
		uint32_t token = rules->architectures.items[i];

		if (token == SCMP_ARCH_NATIVE || token_listed(ret, token) ||
		    seccomp_arch_is_little(token) != seccomp_arch_is_little(native))
			continue;
		if (ret->count == LIST_MAX)
			return err_set(e, ERR_CONFIG, "linux.seccomp.architectures: more than %d",
				       LIST_MAX);
		ret->items[ret->count++] = token;
	}
	return 0;
}

/* What the kernel calls the architecture: x32 goes by the name of x86_64. */
static uint32_t audit_of(uint32_t token)
{
	return token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token;
}

/* The code for one architecture as the kernel names it. */
static int write_arch(struct compiler *compiler, const struct tokens *tokens, uint32_t audit,
		      size_t *ret, struct err *e)
{
	struct intervals list = { .arena = compiler->arena };

	if (token_listed(tokens, audit)) {
		if (add_numbers(compiler, audit, 0, &list, e) < 0)
			return -1;
	} else {
		from_here(&list, 0, SECCOMP_RET_KILL_PROCESS, 0);
	}
	if (audit == SCMP_ARCH_X86_64) {
		if (!token_listed(tokens, SCMP_ARCH_X32))
			from_here(&list, x32_bit, SECCOMP_RET_KILL_PROCESS, 0);
		else if (add_numbers(compiler, SCMP_ARCH_X32, x32_bit, &list, e) < 0)
			return -1;
	}
	/* What a tracer leaves behind that wants the call not to be made. */
	from_here(&list, skipped, compiler->fallback, 0);
	seccomp_code_go(&compiler->code, write_search(&compiler->code, list.items, 0,
						      list.count - 1));
	*ret = seccomp_code_load(&compiler->code, offsetof(struct seccomp_data, nr));
	return 0;
}

static int write_program(struct compiler *compiler, const struct tokens *tokens, struct err *e)
{
	struct seccomp_code *code = &compiler->code;
	uint32_t audits[LIST_MAX];
	size_t places[LIST_MAX], count = 0, next;

	for (size_t i = 0; i < tokens->count; i++) {
		uint32_t audit = audit_of(tokens->items[i]);
		bool known = false;

		for (size_t j = 0; j < count; j++)
			known |= audits[j] == audit;
		if (!known)
			audits[count++] = audit;
	}
	/* The native one is written last, so that it is nearest to the beginning. */
	for (size_t i = count; i-- > 0;)
		if (write_arch(compiler, tokens, audits[i], &places[i], e) < 0)
			return -1;
	next = seccomp_code_return(code, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = count; i-- > 0;)
		next = seccomp_code_test(code, BPF_JEQ, audits[i], places[i], next);
	seccomp_code_go(code, next);
	seccomp_code_load(code, offsetof(struct seccomp_data, arch));
	seccomp_code_finish(code);
	return 0;
}

/* --- the profile --- */

static int check_rules(const struct oci_seccomp *rules, struct err *e)
{
	if (rules->default_action == OCI_SECCOMP_NOTIFY)
		return err_set(e, ERR_CONFIG, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot "
					      "be used as default action");
	for (size_t i = 0; i < rules->rules.count; i++) {
		const struct oci_seccomp_rule *rule = &rules->rules.items[i];

		for (size_t j = 0; j < rule->args.count; j++) {
			const struct oci_seccomp_arg *arg = &rule->args.items[j];

			if (arg->index >= ARGS)
				err_set(e, ERR_CONFIG, "index: %u is above %d", arg->index,
					ARGS - 1);
			else if (arg->op >= OCI_OP_COUNT_)
				err_set(e, ERR_CONFIG, "op: an operator is required");
			else
				continue;
			return err_in(e, "linux.seccomp.syscalls[%zu].args[%zu]", i, j);
		}
		for (size_t j = 0; j < rule->names.count; j++)
			/* The child sends the listener when the filter is there already. */
			if (rule->action == OCI_SECCOMP_NOTIFY &&
			    strcmp(rule->names.items[j], "write") == 0)
				return err_set(e, ERR_CONFIG, "linux.seccomp.syscalls[%zu]: "
					       "SCMP_ACT_NOTIFY cannot be used for the write "
					       "syscall", i);
	}
	return 0;
}

static int flags_of(const struct oci_seccomp *rules, uint32_t kernel_flags, bool notify,
		    uint32_t *ret, struct err *e)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} words[] = {
		{ SECCOMP_FILTER_FLAG_LOG, "LOG" },
		{ SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SPEC_ALLOW" },
		{ SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "WAIT_KILLABLE_RECV" },
	};
	uint32_t flags = 0;

	if (!rules->flags_set)
		flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW & kernel_flags;
	for (size_t i = 0; i < ARRAY_LEN(words) && rules->flags_set; i++) {
		if (!(rules->flags & words[i].flag))
			continue;
		if (!(kernel_flags & words[i].flag))
			return err_set(e, ERR_CONFIG, "linux.seccomp.flags: this kernel does not "
						      "have SECCOMP_FILTER_FLAG_%s",
				       words[i].word);
		flags |= words[i].flag;
	}
	if (rules->killable)
		flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV & kernel_flags;
	/* It says how the listener's answers are waited for; the kernel refuses it without one. */
	if (!notify)
		flags &= ~(uint32_t)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	else
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	*ret = flags;
	return 0;
}

int seccomp_compile_for(const struct oci_seccomp *rules, uint32_t native, uint32_t kernel_flags,
			struct arena *a, struct seccomp_filter *ret, struct err *e)
{
	struct compiler compiler = { .rules = rules, .arena = a, .code = { .arena = a } };
	struct tokens tokens;
	uint32_t flags;

	if (check_rules(rules, e) < 0 || list_tokens(rules, native, &tokens, e) < 0)
		return -1;
	if (answer_of(rules->default_action, rules->default_errno, &compiler.fallback,
		      "linux.seccomp.defaultAction", e) < 0)
		return -1;
	compiler.beyond = compiler.fallback;
	if (rules->default_action == OCI_SECCOMP_ERRNO)
		compiler.beyond = SECCOMP_RET_ERRNO | ENOSYS;
	if (write_program(&compiler, &tokens, e) < 0 ||
	    flags_of(rules, kernel_flags, compiler.notify, &flags, e) < 0)
		return -1;
	if (compiler.code.count > BPF_MAXINSNS) {
		err_set(e, ERR_CONFIG, "linux.seccomp: the filter has %zu instructions, the kernel "
				       "takes %d", compiler.code.count, BPF_MAXINSNS);
		return err_hint(e, "conditions on arguments cost most; fewer architectures help");
	}
	*ret = (struct seccomp_filter){ .code = compiler.code.items, .count = compiler.code.count,
		.flags = flags, .notify = compiler.notify };
	return 0;
}

int seccomp_compile(const struct oci_seccomp *rules, uint32_t kernel_flags, struct arena *a,
		    struct seccomp_filter *ret, struct err *e)
{
	return seccomp_compile_for(rules, seccomp_arch_native(), kernel_flags, a, ret, e);
}
