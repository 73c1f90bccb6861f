/* SPDX-License-Identifier: Apache-2.0 */
/* PURE. From device rules to instructions. */
#include <string.h>

#include "engine/device_filter.h"

/* What the registers hold; r0 is the answer and r1 the context that the kernel passes. */
enum { ANSWER = BPF_REG_0, CONTEXT = BPF_REG_1, TYPE = BPF_REG_2, WANTED = BPF_REG_3,
	MAJOR = BPF_REG_4, MINOR = BPF_REG_5 };

struct program {
	struct bpf_insn *code;
	size_t count;
};

/* gcc 12 sees a conversion that may lose bits in every assignment to a bit-field. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
static void emit(struct program *p, int op, int to, int from, size_t offset, int32_t value)
{
	p->code[p->count++] = (struct bpf_insn){
		.code = (uint8_t)op, .dst_reg = to, .src_reg = from,
		.off = (int16_t)offset, .imm = value,
	};
}
#pragma GCC diagnostic pop

static void load(struct program *p, int to, size_t offset)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, offset, 0);
}

static void answer(struct program *p, bool allow)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, ANSWER, 0, 0, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static bool decides_everything(const struct plan_device_rule *rule)
{
	return rule->type == OCI_DEVICE_ALL && rule->major < 0 && rule->minor < 0 &&
	       rule->access == PLAN_ACCESS_ALL;
}

static bool matches_nothing(const struct plan_device_rule *rule)
{
	return rule->access == 0 || rule->type == OCI_DEVICE_FIFO || rule->major > UINT32_MAX ||
	       rule->minor > UINT32_MAX;
}

/* The places in a rule that leave it; where to is known when the rule is written. */
struct exits {
	size_t at[4], count;
};

static void leave(struct program *p, struct exits *exits)
{
	exits->at[exits->count++] = p->count;
	emit(p, BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

/*
 * Leaves the rule unless the register has the value. A jump over a jump, because of the verifier:
 * it follows the way that does not jump first, and when that is the one on which nothing was
 * learned about the register, all the others are covered by it and cost nothing. The other way
 * round a thousand rules are more than it is willing to look at.
 */
static void require(struct program *p, struct exits *exits, int reg, uint32_t value)
{
	emit(p, BPF_JMP32 | BPF_JEQ | BPF_K, reg, 0, 1, (int32_t)value);
	leave(p, exits);
}

/*
 * One rule: tests that leave it when it is about another device, then its decision about the
 * rights that are still wanted (no later rule decided them).
 */
static void add_rule(struct program *p, const struct plan_device_rule *rule)
{
	struct exits exits = { .count = 0 };

	if (rule->type != OCI_DEVICE_ALL)
		require(p, &exits, TYPE, rule->type == OCI_DEVICE_BLOCK ? BPF_DEVCG_DEV_BLOCK :
			BPF_DEVCG_DEV_CHAR);
	if (rule->major >= 0)
		require(p, &exits, MAJOR, (uint32_t)rule->major);
	if (rule->minor >= 0)
		require(p, &exits, MINOR, (uint32_t)rule->minor);
	if (rule->access != PLAN_ACCESS_ALL && rule->allow) {
		emit(p, BPF_ALU | BPF_AND | BPF_K, WANTED, 0, 0, ~(int32_t)rule->access);
		require(p, &exits, WANTED, 0);
	} else if (rule->access != PLAN_ACCESS_ALL) {
		emit(p, BPF_JMP32 | BPF_JSET | BPF_K, WANTED, 0, 1, (int32_t)rule->access);
		leave(p, &exits);
	}
	answer(p, rule->allow);
	for (size_t i = 0; i < exits.count; i++)
		p->code[exits.at[i]].off = (int16_t)(p->count - exits.at[i] - 1);
}

size_t device_filter_code(const struct plan_device_rule *rules, size_t count,
			  struct bpf_insn *code)
{
	struct program p = { .code = code };

	_Static_assert((int)PLAN_ACCESS_MKNOD == (int)BPF_DEVCG_ACC_MKNOD &&
		       (int)PLAN_ACCESS_READ == (int)BPF_DEVCG_ACC_READ &&
		       (int)PLAN_ACCESS_WRITE == (int)BPF_DEVCG_ACC_WRITE,
		       "the plan's bits are the kernel's");
	load(&p, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(&p, BPF_ALU | BPF_MOV | BPF_X, WANTED, TYPE, 0, 0);
	emit(&p, BPF_ALU | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
	emit(&p, BPF_ALU | BPF_RSH | BPF_K, WANTED, 0, 0, 16);
	load(&p, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	load(&p, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	/* The last rule first: the first that decides is the one that counts. */
	while (count-- > 0) {
		if (decides_everything(&rules[count])) {
			answer(&p, rules[count].allow);
			return p.count;
		}
		if (!matches_nothing(&rules[count]))
			add_rule(&p, &rules[count]);
	}
	answer(&p, false);
	return p.count;
}
