/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Mapped files of which is known that they are the image's, by what a region says of
 * one: device, inode and name. Processes of a container have most of them in common, and each costs
 * three questions. What is found to be drift is not kept here: every process is told of.
 */
#include <string.h>

#include "guard/code.h"

enum { SLOTS = 4096, KNOWN_MAX = SLOTS / 2 };

struct code_known {
	size_t count;
	const char *slots[SLOTS];
};

struct code_known *code_known_new(struct arena *a)
{
	return arena_new(a, struct code_known);
}

/* Its slot, or the empty one for it. */
static const char **slot_of(struct code_known *known, const char *key)
{
	size_t at = 5381;

	for (const char *c = key; *c; c++)
		at = at * 33 + (unsigned char)*c;
	for (at %= SLOTS; known->slots[at]; at = (at + 1) % SLOTS)
		if (strcmp(known->slots[at], key) == 0)
			break;
	return &known->slots[at];
}

bool code_known_has(struct code_known *known, const char *key)
{
	return *slot_of(known, key) != NULL;
}

void code_known_add(struct code_known *known, const char *key, struct arena *a)
{
	if (known->count == KNOWN_MAX)
		return;
	*slot_of(known, key) = arena_strdup(a, key);
	known->count++;
}
