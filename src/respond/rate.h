/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a rule may act. PURE. Whoever can bring an alarm about can do so a million times, so
 * the table has an end: the entry that is oldest makes room, and what it counted is forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RATE_ENTRIES = 1024 };

struct rate {
	struct {
		uint64_t key;		/* 0: free */
		int64_t began_ms;
		uint32_t used;
	} entries[RATE_ENTRIES];
};

/* A number for the rule with this index and the container; two that are the same: 1 in 2^64. */
uint64_t rate_key(size_t rule, const char *root, const char *id);

/* Counts one; false when that is more than `count` within `seconds`. */
bool rate_take(struct rate *r, uint64_t key, uint32_t count, uint32_t seconds, int64_t now_ms);
