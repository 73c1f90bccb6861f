/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. From device rules to instructions. What a program costs is the verifier's time, which goes
 * with the number of tests: so a device is compared as one number and not as three. The kernel has
 * 12 bits for a major and 20 for a minor number (linux/kdev_t.h); no request has more.
 */
#include <string.h>

#include "engine/device_filter.h"

/* What the registers hold; r0 is the answer and r1 the context that the kernel passes. */
enum { ANSWER = BPF_REG_0, CONTEXT = BPF_REG_1, TYPE = BPF_REG_2, WANTED = BPF_REG_3,
	MAJOR = BPF_REG_4, MINOR = BPF_REG_5,
	GROUP = BPF_REG_6,	/* type and major */
	DEVICE = BPF_REG_7,	/* type, major and minor */
	OTHER = BPF_REG_8 };	/* what DEVICE is compared with */

enum { MAJOR_BITS = 12, MINOR_BITS = 20 };

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
	return rule->access == 0 || rule->type == OCI_DEVICE_FIFO ||
	       rule->major >> MAJOR_BITS > 0 || rule->minor >> MINOR_BITS > 0;
}

/* The places in a rule that leave it; where to is known when the rule is written. */
struct exits {
	size_t at[3], count;
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

static void require_device(struct program *p, struct exits *exits, uint64_t device)
{
	/* The only instruction of two words. */
	emit(p, BPF_LD | BPF_DW | BPF_IMM, OTHER, 0, 0, (int32_t)(uint32_t)device);
	emit(p, 0, 0, 0, 0, (int32_t)(device >> 32));
	emit(p, BPF_JMP | BPF_JEQ | BPF_X, DEVICE, OTHER, 1, 0);
	leave(p, exits);
}

/* That the request is about a device of the rule. */
static void require_match(struct program *p, struct exits *exits,
			  const struct plan_device_rule *rule)
{
	uint64_t type = rule->type == OCI_DEVICE_BLOCK ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
	uint64_t group = type << MAJOR_BITS | (uint64_t)rule->major;
	bool typed = rule->type != OCI_DEVICE_ALL;

	if (typed && rule->major >= 0 && rule->minor >= 0) {
		require_device(p, exits, group << MINOR_BITS | (uint64_t)rule->minor);
		return;
	}
	if (typed && rule->major >= 0)
		require(p, exits, GROUP, (uint32_t)group);
	else if (typed)
		require(p, exits, TYPE, (uint32_t)type);
	else if (rule->major >= 0)
		require(p, exits, MAJOR, (uint32_t)rule->major);
	if (rule->minor >= 0)
		require(p, exits, MINOR, (uint32_t)rule->minor);
}

/*
 * One rule: tests that leave it when it is about another device, then its decision about the
 * rights that are still wanted (no later rule decided them).
 */
static void add_rule(struct program *p, const struct plan_device_rule *rule)
{
	struct exits exits = { .count = 0 };

	require_match(p, &exits, rule);
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

static void append(struct program *p, int to, int bits, int from)
{
	emit(p, BPF_ALU64 | BPF_LSH | BPF_K, to, 0, 0, bits);
	emit(p, BPF_ALU64 | BPF_OR | BPF_X, to, from, 0, 0);
}

/* Takes the request apart, and its device together. */
static void begin(struct program *p)
{
	load(p, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(p, BPF_ALU | BPF_MOV | BPF_X, WANTED, TYPE, 0, 0);
	emit(p, BPF_ALU | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, WANTED, 0, 0, 16);
	load(p, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	load(p, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	emit(p, BPF_ALU | BPF_MOV | BPF_X, DEVICE, TYPE, 0, 0);
	append(p, DEVICE, MAJOR_BITS, MAJOR);
	emit(p, BPF_ALU | BPF_MOV | BPF_X, GROUP, DEVICE, 0, 0);
	append(p, DEVICE, MINOR_BITS, MINOR);
}

size_t device_filter_code(const struct plan_device_rule *rules, size_t count,
			  struct bpf_insn *code)
{
	struct program p = { .code = code };

	_Static_assert((int)PLAN_ACCESS_MKNOD == (int)BPF_DEVCG_ACC_MKNOD &&
		       (int)PLAN_ACCESS_READ == (int)BPF_DEVCG_ACC_READ &&
		       (int)PLAN_ACCESS_WRITE == (int)BPF_DEVCG_ACC_WRITE,
		       "the plan's bits are the kernel's");
	begin(&p);
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
