/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of words and their values, read in both directions, and the nearest word to a mistyped
 * one. A table is a plain array that ends with a row whose word is "".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The word is in the row, not behind a pointer, which the loader would relocate at every start. */
struct name {
	char word[40];
	uint64_t value;
};

/* Finds a word; false when the table does not have it. */
bool names_find(const struct name *table, const char *word, uint64_t *ret);

/* The first word with that value, or NULL. */
const char *names_word(const struct name *table, uint64_t value);

/*
 * How far apart two words are in insertions, deletions, replacements and swaps of neighbours,
 * never more than `limit` + 1; case is ignored.
 */
unsigned names_distance(const char *a, const char *b, unsigned limit);

/*
 * The table's word nearest to a mistyped one, or to one without the prefix that such words have
 * (KILL: CAP_KILL); NULL when none is near enough to suggest.
 */
const char *names_nearest(const struct name *table, const char *word);
