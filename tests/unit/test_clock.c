/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time as text is the one that the C library makes of the same moment.
 */
#include <time.h>

#include "base/clock.h"
#include "check.h"

int main(void)
{
	static struct arena a;
	char before[32], after[32];
	const char *got;
	time_t t;

	time(&t);
	strftime(before, sizeof(before), "%Y-%m-%dT%H:%M:%S", gmtime(&t));
	got = clock_text(6, &a);
	time(&t);
	strftime(after, sizeof(after), "%Y-%m-%dT%H:%M:%S", gmtime(&t));
	CHECK(strncmp(before, got, 19) <= 0 && strncmp(got, after, 19) <= 0, "%s", got);
	CHECK(strlen(got) == 27 && got[19] == '.' && got[26] == 'Z', "%s", got);
	got = clock_text(9, &a);
	CHECK(strlen(got) == 30 && strspn(got + 20, "0123456789") == 9, "%s", got);
	arena_free(&a);
	return check_result();
}
