/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. A classic BPF program written from its end to its beginning: what a jump leads to is there
 * before the jump is, so its distance is known. A place is how many instructions there are from
 * it to the end of the program.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"

struct seccomp_code {
	struct arena *arena;
	struct sock_filter *items;	/* the last instruction first */
	size_t count, room;
};

/* A place that returns the value: an earlier one if it is near, else a new instruction. */
size_t seccomp_code_return(struct seccomp_code *c, uint32_t value);

/* Loads a word of struct seccomp_data and goes on with what was written before. */
size_t seccomp_code_load(struct seccomp_code *c, size_t offset);

/* Ands the loaded word with a mask and goes on with what was written before. */
size_t seccomp_code_mask(struct seccomp_code *c, uint32_t mask);

/*
 * Compares the loaded word (BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET) and goes on at one of two places,
 * however far they are.
 */
size_t seccomp_code_test(struct seccomp_code *c, unsigned op, uint32_t with, size_t yes, size_t no);

/* Makes `place` the next instruction that runs after what is written now. */
void seccomp_code_go(struct seccomp_code *c, size_t place);

/* Turns the program round, so that it begins with what was written last. */
void seccomp_code_finish(struct seccomp_code *c);
