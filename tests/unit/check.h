/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the unit tests share: a failed check prints where and what, and the program goes on, so
 * that one run shows every row that is wrong. main returns check_result().
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int check_failures;
static int check_count;

#define CHECK(condition, ...) \
	do { \
		check_count++; \
		if (!(condition)) { \
			check_failures++; \
			fprintf(stderr, "%s:%d: %s:", __FILE__, __LINE__, #condition); \
			fprintf(stderr, " " __VA_ARGS__); \
			fputc('\n', stderr); \
		} \
	} while (0)

/* Two strings are equal; either may be NULL. */
#define CHECK_STR(got, want) check_str(__FILE__, __LINE__, (got), (want))

static inline void check_str(const char *file, int line, const char *got, const char *want)
{
	check_count++;
	if (got == want || (got && want && strcmp(got, want) == 0))
		return;
	check_failures++;
	fprintf(stderr, "%s:%d:\n   got: %s\n  want: %s\n", file, line, got ? got : "(null)",
		want ? want : "(null)");
}

/* 0 when every check held and there was at least one. */
static inline int check_result(void)
{
	fprintf(stderr, "%d checks, %d wrong\n", check_count, check_failures);
	return check_failures || !check_count;
}
