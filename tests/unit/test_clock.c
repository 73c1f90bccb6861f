/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time as text is the one that the C library makes of the same moment.
 */
#include <time.h>

#include "base/clock.h"
#include "check.h"

/* time(2) may be a tick behind. */
static void now(char text[32])
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%S", gmtime(&t.tv_sec));
}

int main(void)
{
	static struct arena a;
	char before[32], after[32];
	const char *got;

	now(before);
	got = clock_text(6, &a);
	now(after);
	CHECK(strncmp(before, got, 19) <= 0 && strncmp(got, after, 19) <= 0, "%s", got);
	CHECK(strlen(got) == 27 && got[19] == '.' && got[26] == 'Z', "%s", got);
	got = clock_text(9, &a);
	CHECK(strlen(got) == 30 && strspn(got + 20, "0123456789") == 9, "%s", got);
	arena_free(&a);
	return check_result();
}
