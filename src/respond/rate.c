/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Windows of fixed length, which begin with the first alarm.
 */
#include "respond/rate.h"

enum { MS = 1000 };

/* FNV-1a, with the end of the text in it so that two texts do not run together. */
static uint64_t mix(uint64_t sum, const char *text)
{
	do {
		sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	} while (*text++);
	return sum;
}

uint64_t rate_key(size_t rule, const char *root, const char *id)
{
	uint64_t key = mix(mix(UINT64_C(0xcbf29ce484222325) + rule, root), id);

	return key ? key : 1;
}

bool rate_take(struct rate *r, uint64_t key, uint32_t count, uint32_t seconds, int64_t now_ms)
{
	size_t at = 0;

	for (size_t i = 0; i < RATE_ENTRIES; i++) {
		if (r->entries[i].key == key) {
			at = i;
			break;
		}
		if (!r->entries[i].key ||
		    (r->entries[at].key && r->entries[i].began_ms < r->entries[at].began_ms))
			at = i;
	}
	if (r->entries[at].key != key ||
	    now_ms - r->entries[at].began_ms >= (int64_t)seconds * MS) {
		r->entries[at].key = key;
		r->entries[at].began_ms = now_ms;
		r->entries[at].used = 0;
	}
	if (r->entries[at].used >= count)
		return false;
	r->entries[at].used++;
	return true;
}
