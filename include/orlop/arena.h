/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that lives as long as the thing built from it: a configuration, a plan, a record.
 * Everything is freed at once. Exhaustion ends the program, which is right before the kernel was
 * touched; code that runs after that does not allocate from an arena.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks;	/* newest first */
	char *next;			/* free space of the newest block */
	size_t left;
};

/* An arena that holds nothing yet and needs no release. */
#define ARENA_NONE ((struct arena){ 0 })

/* Returns size bytes, zeroed and aligned for any type; size 0 gives a valid, distinct address. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));

/* As arena_alloc for count elements; a product that overflows ends the program. */
void *arena_array(struct arena *a, size_t count, size_t size) __attribute__((returns_nonnull));

/* Copies len bytes and ends them with a NUL. */
char *arena_strndup(struct arena *a, const char *text, size_t len)
	__attribute__((returns_nonnull));

/* Copies a string. */
char *arena_strdup(struct arena *a, const char *text) __attribute__((returns_nonnull));

/* A formatted string in the arena. */
char *arena_printf(struct arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/* As arena_printf, with the arguments in a list, which is used up. */
char *arena_vprintf(struct arena *a, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0), returns_nonnull));

/* Frees everything that was allocated; the arena may be used again. Accepts ARENA_NONE. */
void arena_free(struct arena *a);

/* Declares an arena that is freed when its scope ends: `auto_arena a = ARENA_NONE;`. */
#define auto_arena __attribute__((cleanup(arena_free))) struct arena

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_array(a, type, count) ((type *)arena_array((a), (count), sizeof(type)))
