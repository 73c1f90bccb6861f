/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What a seccomp profile says about the numbers of one architecture, before any of it
 * is code: an entry for each name of each rule, sorted by number, then by the order of the rules.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/oci_config.h"

enum { SECCOMP_ARGS = 6 };

/* A condition as one of six comparisons, or (argument & mask) == value. */
struct seccomp_condition {
	uint32_t op, index;		/* enum oci_seccomp_op */
	uint64_t value, mask;
};

/* What one name of one rule says about one number. */
struct seccomp_entry {
	uint32_t nr, answer;
	uint32_t order;			/* in the profile */
	uint32_t count;			/* of conditions; 0: always */
	const struct seccomp_condition *conditions;
};

struct seccomp_entries {
	struct arena *arena;
	struct seccomp_entry *items;
	size_t count, room;
	uint32_t newest;		/* number that the profile names */
	bool notify;			/* some rule asks the listener */
};

/* What the kernel is answered; -1 with the member that is wrong. */
int seccomp_answer(enum oci_seccomp_action action, struct opt_u32 value, uint32_t *ret,
		   const char *member, struct err *e) __attribute__((warn_unused_result));

/*
 * All entries of an architecture (SCMP_ARCH_*), in the arena; those that say what the `fallback`
 * says are left out. 0 or -1.
 */
int seccomp_entries_find(const struct oci_seccomp *rules, uint32_t fallback, uint32_t token,
			 struct arena *a, struct seccomp_entries *ret, struct err *e)
	__attribute__((warn_unused_result));

/* Puts the entries of one number in the order in which they are tried; returns how many are. */
size_t seccomp_entries_tidy(struct seccomp_entry *items, size_t count);

/* Whether two numbers are decided in the same way. */
bool seccomp_entries_same(const struct seccomp_entry *a, size_t a_count,
			  const struct seccomp_entry *b, size_t b_count);
