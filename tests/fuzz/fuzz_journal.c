/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the journal of a quarantine: refused with a sentence, or read; then what it says has
 * been said of this container in this boot, and another container's name makes it nobody's.
 */
#include <stdlib.h>
#include <string.h>

#include "guard/journal.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	/* A copy without a byte to spare, so that the sanitizer sees the end. */
	char *exact = malloc(len ? len : 1);
	struct journal j = JOURNAL_CLOSED, other = JOURNAL_CLOSED;
	struct arena a = ARENA_NONE;
	struct err e = { 0 };

	must(exact);
	memcpy(exact, bytes, len);
	if (journal_read(exact, len, "web", "boot", &a, &j, &e) < 0) {
		must(e.text[0]);
	} else {
		for (size_t i = 0; i < j.saved.count; i++)
			must(j.saved.items[i].key && j.saved.items[i].value &&
			     journal_saved(&j, j.saved.items[i].key));
		must(j.phase != JOURNAL_NONE || j.saved.count == 0);
		must(memmem(exact, len, "nobody", 6) ||
		     journal_read(exact, len, "nobody", "boot", &a, &other, &e) < 0 ||
		     other.phase == JOURNAL_NONE);
	}
	arena_free(&a);
	free(exact);
	return 0;
}
