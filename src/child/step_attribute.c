/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Attributes that a process can give to nobody but itself: where its memory comes from
 * and which execution domain it is in. Both are inherited by everything that the program starts.
 */
#include "child/child.h"

int step_memory(struct child *c)
{
	const struct child_plan *plan = c->plan;
	uint32_t words = plan->memory_nodes.count;

	if (!child_flag(c, CHILD_SET_MEMORY_POLICY))
		return 0;
	/* The kernel takes the number of bits plus one. */
	return (int)SYS(set_mempolicy, plan->memory_mode,
			words ? child_items(c, plan->memory_nodes) : NULL,
			words ? words * 64 + 1 : 0);
}

int step_personality(struct child *c)
{
	long before;

	if (!child_flag(c, CHILD_SET_PERSONALITY))
		return 0;
	before = SYS(personality, c->plan->personality);
	return before < 0 && before > -4096 ? (int)before : 0;
}
