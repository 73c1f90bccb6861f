/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear searches: the longest table has a few hundred rows and is read once.
 */
#include "base/names.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 64 };		/* words beyond this are never suggested */

bool names_find(const struct name *table, const char *word, uint64_t *ret)
{
	for (; table->word[0]; table++)
		if (strcmp(table->word, word) == 0) {
			*ret = table->value;
			return true;
		}
	return false;
}

const char *names_word(const struct name *table, uint64_t value)
{
	for (; table->word[0]; table++)
		if (table->value == value)
			return table->word;
	return NULL;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned names_distance(const char *a, const char *b, unsigned limit)
{
	unsigned rows[3][LONGEST + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > LONGEST || nb > LONGEST)
		return limit + 1;
	for (unsigned j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			unsigned d = above[j - 1] + !same_letter(a[i - 1], b[j - 1]);

			d = smaller(d, smaller(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]))
				d = smaller(d, above2[j - 2] + 1);
			row[j] = d;
		}
	}
	return smaller(rows[na % 3][nb], limit + 1);
}

/* True when the word lacks only what such words begin with: KILL of CAP_KILL. */
static bool is_without_prefix(const char *word, const char *whole)
{
	size_t len = strlen(word), all = strlen(whole);

	if (len < 2 || all <= len || whole[all - len - 1] != '_')
		return false;
	for (size_t n = 0; n < len; n++)
		if (!same_letter(word[n], whole[all - len + n]))
			return false;
	return true;
}

const char *names_nearest(const struct name *table, const char *word)
{
	unsigned limit = strlen(word) < 5 ? 1 : 2;
	unsigned best = limit + 1;
	const char *found = NULL;

	for (; table->word[0]; table++) {
		unsigned d = names_distance(word, table->word, limit);

		if (is_without_prefix(word, table->word))
			return table->word;
		if (d < best) {
			best = d;
			found = table->word;
		}
	}
	return found;
}
