/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/seccomp_match.h"

#include <linux/seccomp.h>

#include "engine/seccomp_calls.h"
#include "orlop/auto.h"

struct target {
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
		      const struct seccomp_condition *c, size_t above, size_t equal, size_t below)
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
			     const struct seccomp_condition *c, size_t yes, size_t no)
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
			      const struct seccomp_condition *c, size_t yes, size_t no)
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

size_t seccomp_match_write(struct seccomp_code *code, uint32_t token,
			   const struct seccomp_entry *items, size_t count, uint32_t fallback)
{
	const struct target target = { seccomp_arch_is_32bit(token),
				       seccomp_arch_is_little(token) };
	size_t place = seccomp_code_return(code, fallback);

	while (count-- > 0) {
		size_t yes = seccomp_code_return(code, items[count].answer);

		for (size_t i = items[count].count; i-- > 0;)
			yes = write_condition(code, &target, &items[count].conditions[i], yes,
					      place);
		place = yes;
	}
	return place;
}
