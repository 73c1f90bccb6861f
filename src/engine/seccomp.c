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
#include "engine/seccomp_entries.h"
#include "engine/seccomp_match.h"
#include "orlop/auto.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV	/* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { LIST_MAX = 32 };

static const uint32_t x32_bit = 0x40000000, skipped = 0xffffffff;

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
	const struct seccomp_entry *entries;
	size_t count, place;
};

struct compiler {
	const struct oci_seccomp *rules;
	struct arena *scratch;		/* for one architecture */
	uint32_t fallback;		/* the answer of the default */
	uint32_t beyond;		/* and of numbers beyond the newest that is named */
	bool notify;
	struct seccomp_code code;
};

/* --- numbers --- */

static size_t group_place(struct compiler *compiler, uint32_t token,
			  const struct seccomp_entry *items, size_t count, struct block **blocks)
{
	struct block *block;

	for (block = *blocks; block; block = block->next)
		if (seccomp_entries_same(block->entries, block->count, items, count))
			return block->place;
	block = arena_new(compiler->scratch, struct block);
	*block = (struct block){ .next = *blocks, .entries = items, .count = count };
	block->place = seccomp_match_write(&compiler->code, token, items, count,
					   compiler->fallback);
	*blocks = block;
	return block->place;
}

static void from_here(struct intervals *list, uint32_t start, uint32_t answer, size_t place)
{
	struct interval *last = list->count ? &list->items[list->count - 1] : NULL;

	if (last && last->start == start) {
		list->count--;
		last = list->count ? last - 1 : NULL;
	}
	if (last && last->place == place && (place || last->answer == answer))
		return;
	if (list->count == list->room) {
		struct interval *more;

		list->room = list->room ? list->room * 2 : 128;
		more = arena_new_array(list->arena, struct interval, list->room);
		if (list->count)
			memcpy(more, list->items, list->count * sizeof(*more));
		list->items = more;
	}
	list->items[list->count++] = (struct interval){ .start = start, .answer = answer,
		.place = place };
}

/* The intervals of one architecture's numbers, which begin at `start`. */
static int add_numbers(struct compiler *compiler, uint32_t token, uint32_t start,
		       struct intervals *list, struct err *e)
{
	struct seccomp_entries all;
	uint32_t newest, next = start;
	struct block *blocks = NULL;

	if (seccomp_entries_find(compiler->rules, compiler->fallback, token, compiler->scratch,
				 &all, e) < 0)
		return -1;
	newest = all.newest > start ? all.newest : start;
	compiler->notify |= all.notify;
	for (size_t i = 0, end; i < all.count; i = end) {
		struct seccomp_entry *group = &all.items[i];
		uint32_t nr = group->nr;
		size_t kept, place = 0;

		for (end = i + 1; end < all.count && all.items[end].nr == nr; end++)
			;
		if (nr > next)
			from_here(list, next, compiler->fallback, 0);
		kept = seccomp_entries_tidy(group, end - i);
		if (group->count > 0)
			place = group_place(compiler, token, group, kept, &blocks);
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
	auto_arena scratch = ARENA_NONE;
	struct intervals list = { .arena = &scratch };

	compiler->scratch = &scratch;
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

			if (arg->index >= SECCOMP_ARGS)
				err_set(e, ERR_CONFIG, "index: %u is above %d", arg->index,
					SECCOMP_ARGS - 1);
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
	struct compiler compiler = { .rules = rules, .code = { .arena = a } };
	struct tokens tokens;
	uint32_t flags;

	if (check_rules(rules, e) < 0 || list_tokens(rules, native, &tokens, e) < 0)
		return -1;
	if (seccomp_answer(rules->default_action, rules->default_errno, &compiler.fallback,
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
