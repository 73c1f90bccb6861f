/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/seccomp_code.h"

#include <linux/bpf_common.h>
#include <string.h>

#include "orlop/err.h"

/* A conditional jump reaches 255 instructions; the rest is for what is written in between. */
enum { REACH = 250 };

static size_t emit(struct seccomp_code *c, unsigned op, size_t yes, size_t no, uint32_t k)
{
	if (c->count == c->room) {
		size_t room = c->room ? c->room * 2 : 1024;
		struct sock_filter *more = arena_array(c->arena, room, sizeof(*more));

		if (c->count)
			memcpy(more, c->items, c->count * sizeof(*more));
		c->items = more;
		c->room = room;
	}
	c->items[c->count++] = (struct sock_filter){
		.code = (uint16_t)op, .jt = (uint8_t)yes, .jf = (uint8_t)no, .k = k,
	};
	return c->count;
}

size_t seccomp_code_return(struct seccomp_code *c, uint32_t value)
{
	size_t from = c->count > REACH ? c->count - REACH : 0;

	for (size_t i = c->count; i-- > from;)
		if (c->items[i].code == (BPF_RET | BPF_K) && c->items[i].k == value)
			return i + 1;
	return emit(c, BPF_RET | BPF_K, 0, 0, value);
}

size_t seccomp_code_load(struct seccomp_code *c, size_t offset)
{
	return emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

size_t seccomp_code_mask(struct seccomp_code *c, uint32_t mask)
{
	return emit(c, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
}

/* A place that does the same as `place` and that a conditional jump reaches. */
static size_t near(struct seccomp_code *c, size_t place)
{
	const struct sock_filter *there = &c->items[place - 1];

	if (c->count - place <= REACH)
		return place;
	if (there->code == (BPF_RET | BPF_K))
		return seccomp_code_return(c, there->k);
	return emit(c, BPF_JMP | BPF_JA, 0, 0, (uint32_t)(c->count - place));
}

size_t seccomp_code_test(struct seccomp_code *c, unsigned op, uint32_t with, size_t yes, size_t no)
{
	yes = near(c, yes);
	no = near(c, no);
	if (yes == no) {
		seccomp_code_go(c, yes);
		return c->count;
	}
	BUG_ON(c->count - yes > 255 || c->count - no > 255);
	return emit(c, BPF_JMP | op | BPF_K, c->count - yes, c->count - no, with);
}

void seccomp_code_go(struct seccomp_code *c, size_t place)
{
	if (c->count != place)
		emit(c, BPF_JMP | BPF_JA, 0, 0, (uint32_t)(c->count - place));
}

void seccomp_code_finish(struct seccomp_code *c)
{
	for (size_t i = 0; i < c->count / 2; i++) {
		struct sock_filter first = c->items[i];

		c->items[i] = c->items[c->count - 1 - i];
		c->items[c->count - 1 - i] = first;
	}
}
