/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string that grows, and quoting for messages and documents. Memory is the caller's arena's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "orlop/arena.h"

struct text {
	struct arena *arena;
	char *bytes;		/* terminated whenever len > 0; never NULL after the first append */
	size_t len, room;
};

#define TEXT_IN(arena_pointer) ((struct text){ .arena = (arena_pointer) })

/* Appends len bytes. */
void text_add(struct text *t, const char *bytes, size_t len);

/* Appends a string. */
void text_puts(struct text *t, const char *s);

/* Appends formatted text. */
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends `s` as a JSON string with its quotes; bytes below 0x20, '"' and '\' are escaped. */
void text_json(struct text *t, const char *s);

/* What was collected, terminated; "" when nothing was. */
const char *text_get(const struct text *t);

/*
 * A user's word for a message: cut after `max` bytes with "...", control bytes as \xNN, in double
 * quotes. The result is in the arena.
 */
const char *text_quote(struct arena *a, const char *s, size_t max);
