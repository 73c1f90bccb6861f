/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocation from a list of blocks. Memory is zeroed when it is given out, not when its block
 * is made: a page of a block that nobody asked for is never touched, and costs nothing. The first
 * block is small, since many arenas hold a few strings.
 * With -Ddebug_arena=true every allocation is a block of its own, so that the address sanitizer
 * sees each one.
 */
#include "orlop/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "orlop/err.h"

enum { FIRST_SIZE = 2 * 1024, BLOCK_SIZE = 16 * 1024, ALIGNMENT = _Alignof(max_align_t) };

struct arena_block {
	struct arena_block *older;
	_Alignas(ALIGNMENT) char bytes[];
};

static struct arena_block *block_new(struct arena *a, size_t size)
{
	struct arena_block *block;

	BUG_ON(size > SIZE_MAX - sizeof(*block));
	block = malloc(sizeof(*block) + size);
	if (!block)
		err_bug(__FILE__, __LINE__, "out of memory");
	block->older = a->blocks;
	a->blocks = block;
	return block;
}

/* Finds `size` bytes, not yet zeroed, at a multiple of `alignment`, which is a power of two. */
static char *find_room(struct arena *a, size_t size, size_t alignment)
{
	size_t skipped = -(uintptr_t)a->next & (alignment - 1);

	BUG_ON(size > SIZE_MAX / 2);
	if (ORLOP_DEBUG_ARENA)
		return block_new(a, size)->bytes;
	if (size + skipped > a->left) {
		size_t usual = a->blocks ? BLOCK_SIZE : FIRST_SIZE;
		size_t room = size > usual / 4 ? size : usual;
		struct arena_block *block = block_new(a, room);

		if (room == size)	/* a large one: the newest block keeps its free space */
			return block->bytes;
		a->next = block->bytes;
		a->left = room;
		skipped = 0;
	}
	a->next += skipped + size;
	a->left -= skipped + size;
	return a->next - size;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size = size ? size : 1;
	return memset(find_room(a, size, ALIGNMENT), 0, size);
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
	copy = find_room(a, len + 1, 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

char *arena_vprintf(struct arena *a, const char *format, va_list ap)
{
	char small[256];	/* most texts are short, and then formatted once */
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(small, sizeof(small), format, ap);
	BUG_ON(len < 0);
	text = find_room(a, (size_t)len + 1, 1);
	if ((size_t)len < sizeof(small))
		memcpy(text, small, (size_t)len + 1);
	else
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	text = arena_vprintf(a, format, ap);
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
