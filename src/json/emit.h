/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a JSON document. `key` is the member's name inside an object, and NULL inside an array
 * and at the top. Commas, newlines and indentation are placed here; what was begun has to be
 * ended. PURE.
 *
 *	struct emit m = EMIT_IN(&arena, 2);
 *	emit_object(&m, NULL);
 *	emit_str(&m, "id", id);
 *	emit_end(&m);
 *	puts(emit_get(&m));
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct emit {
	struct text text;
	unsigned step;		/* spaces for each level; 0 puts everything on one line */
	unsigned depth;		/* at most 64 */
	uint64_t arrays;	/* bit n: the container at level n is an array */
	bool filled;		/* the innermost container has a value already */
};

#define EMIT_IN(arena_pointer, spaces) \
	((struct emit){ .text = TEXT_IN(arena_pointer), .step = (spaces) })

/* Begin an object or an array; emit_end ends the innermost one. An empty one is {} or []. */
void emit_object(struct emit *m, const char *key);
void emit_array(struct emit *m, const char *key);
void emit_end(struct emit *m);

/* A string; NULL writes null. Bytes that are not UTF-8 (a file's name) become U+FFFD. */
void emit_str(struct emit *m, const char *key, const char *s);

void emit_i64(struct emit *m, const char *key, int64_t value);
void emit_u64(struct emit *m, const char *key, uint64_t value);
void emit_bool(struct emit *m, const char *key, bool value);
void emit_null(struct emit *m, const char *key);

/* A value that is JSON already. */
void emit_raw(struct emit *m, const char *key, const char *json);

/* The document, terminated, without a newline at its end. */
const char *emit_get(const struct emit *m);
