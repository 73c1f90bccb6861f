/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as mountinfo, of which the container wrote the names: each mount has all that is asked
 * of one, is found again, and the options of an overlay lead to no more than their text.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mounts.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	/* Ended, and without a byte to spare behind that. */
	char *text = malloc(len + 1);
	struct arena a = ARENA_NONE;
	struct mounts m;
	const char *upper;

	must(text);
	memcpy(text, bytes, len);
	text[len] = '\0';
	m = mounts_read(text, &a);
	for (size_t i = 0; i < m.count; i++) {
		const struct mount *one = &m.items[i];

		must(one->point && one->root && one->device && one->type && one->options);
		must(mounts_find(&m, one->id) && mounts_at(&m, one->point));
		(void)mounts_is_local(one->type);
		upper = mounts_upper(one, &a);
		must(!upper || strlen(upper) <= strlen(one->options));
	}
	arena_free(&a);
	free(text);
	return 0;
}
