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

/*
 * One rule: tests that jump behind it when it is about another device, then its decision about
 * the rights that are still wanted (no later rule decided them).
 */
static void add_rule(struct program *p, const struct plan_device_rule *rule)
{
	size_t tests[4], count = 0;
	int different = BPF_JMP32 | BPF_JNE | BPF_K;

	if (rule->type != OCI_DEVICE_ALL) {
		tests[count++] = p->count;
		emit(p, different, TYPE, 0, 0, rule->type == OCI_DEVICE_BLOCK ?
		     BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	if (rule->major >= 0) {
		tests[count++] = p->count;
		emit(p, different, MAJOR, 0, 0, (int32_t)(uint32_t)rule->major);
	}
	if (rule->minor >= 0) {
		tests[count++] = p->count;
		emit(p, different, MINOR, 0, 0, (int32_t)(uint32_t)rule->minor);
	}
	if (rule->access == PLAN_ACCESS_ALL) {
		answer(p, rule->allow);
	} else if (rule->allow) {
		emit(p, BPF_ALU | BPF_AND | BPF_K, WANTED, 0, 0, ~(int32_t)rule->access);
		tests[count++] = p->count;
		emit(p, different, WANTED, 0, 0, 0);
		answer(p, true);
	} else {
		/* Goes on where none of the rights it denies is wanted. */
		emit(p, BPF_JMP32 | BPF_JSET | BPF_K, WANTED, 0, 1, (int32_t)rule->access);
		emit(p, BPF_JMP | BPF_JA, 0, 0, 2, 0);
		answer(p, false);
	}
	for (size_t i = 0; i < count; i++)
		p->code[tests[i]].off = (int16_t)(p->count - tests[i] - 1);
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
