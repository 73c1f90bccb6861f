/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocation from a list of blocks. With -Ddebug_arena=true every allocation is a block of
 * its own, so that the address sanitizer sees each one.
 */
#include "orlop/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "orlop/err.h"

enum { BLOCK_SIZE = 16 * 1024, ALIGNMENT = 16 };

struct arena_block {
	struct arena_block *older;
	_Alignas(ALIGNMENT) char bytes[];
};

static struct arena_block *block_new(struct arena *a, size_t size)
{
	struct arena_block *block;

	BUG_ON(size > SIZE_MAX - sizeof(*block));
	block = calloc(1, sizeof(*block) + size);
	if (!block)
		err_bug(__FILE__, __LINE__, "out of memory");
	block->older = a->blocks;
	a->blocks = block;
	return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *result;

	BUG_ON(size > SIZE_MAX / 2);
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size == 0)
		size = ALIGNMENT;
	if (ORLOP_DEBUG_ARENA)
		return block_new(a, size)->bytes;
	if (size > a->left) {
		size_t room = size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE;
		struct arena_block *block = block_new(a, room);

		if (room == size)	/* a large one: the newest block keeps its free space */
			return block->bytes;
		a->next = block->bytes;
		a->left = room;
	}
	result = a->next;
	a->next += size;
	a->left -= size;
	return result;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	BUG_ON(__builtin_mul_overflow(count, size, &bytes));
	return arena_alloc(a, bytes);
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *copy;

	BUG_ON(len == SIZE_MAX);
	copy = arena_alloc(a, len + 1);
	memcpy(copy, text, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, format);
	len = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	BUG_ON(len < 0);
	text = arena_alloc(a, (size_t)len + 1);
	va_start(ap, format);
	vsnprintf(text, (size_t)len + 1, format, ap);
	va_end(ap);
	return text;
}

void arena_free(struct arena *a)
{
	struct arena_block *block = a->blocks;

	while (block) {
		struct arena_block *older = block->older;

		free(block);
		block = older;
	}
	*a = ARENA_NONE;
}
