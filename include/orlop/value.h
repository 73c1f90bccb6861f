/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain values that documents are made of: lists, pairs, and numbers that may not have been
 * said. A zeroed one is an empty list or a value that was not said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_OF(type) \
	struct { \
		type *items; \
		size_t count; \
	}

struct opt_bool {
	bool set, value;
};

struct opt_i64 {
	bool set;
	int64_t value;
};

struct opt_u64 {
	bool set;
	uint64_t value;
};

struct opt_u32 {
	bool set;
	uint32_t value;
};

struct str_list {
	char **items;
	size_t count;
};

struct oci_pair {
	char *key, *value;
};

struct pair_list {
	struct oci_pair *items;
	size_t count;
};
