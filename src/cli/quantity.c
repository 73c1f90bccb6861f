/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quantity.h"

#include <string.h>

#include "orlop/auto.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool quantity_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++)
		if (!is_digit(*text) || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
			return false;
	*ret = value;
	return true;
}

bool quantity_i64(const char *text, int64_t *ret)
{
	bool negative = *text == '-';
	uint64_t value;

	if (!quantity_u64(text + negative, &value) || value > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

/* A number that is written with a point: whole + part / scale. */
struct decimal {
	uint64_t whole, part, scale;
};

/* Moves *at behind the digits. Those that are too small to matter are passed over. */
static bool read_decimal(const char **at, struct decimal *ret)
{
	static const uint64_t scale_max = 1000000000000000000;
	struct decimal d = { .scale = 1 };
	const char *p = *at;
	bool any = false;

	for (; is_digit(*p); p++, any = true)
		if (__builtin_mul_overflow(d.whole, 10u, &d.whole) ||
		    __builtin_add_overflow(d.whole, (unsigned)(*p - '0'), &d.whole))
			return false;
	if (*p == '.')
		for (p++; is_digit(*p); p++, any = true)
			if (d.scale < scale_max) {
				d.part = d.part * 10 + (unsigned)(*p - '0');
				d.scale *= 10;
			}
	*at = p;
	*ret = d;
	return any;
}

/* Adds so many units, what is less than one cut off. */
static bool add_times(uint64_t *sum, const struct decimal *d, uint64_t unit)
{
	uint64_t whole, part = (uint64_t)((unsigned __int128)d->part * unit / d->scale);

	return !__builtin_mul_overflow(d->whole, unit, &whole) &&
	       !__builtin_add_overflow(whole, part, &whole) &&
	       !__builtin_add_overflow(*sum, whole, sum) && *sum <= INT64_MAX;
}

bool quantity_bytes(const char *text, int64_t *ret)
{
	static const char letters[] = "kmgtp";
	const char *letter;
	struct decimal d;
	uint64_t unit = 1, sum = 0;

	if (strcmp(text, "-1") == 0) {
		*ret = -1;
		return true;
	}
	if (!read_decimal(&text, &d))
		return false;
	text += *text == ' ' && text[1];
	letter = *text ? strchr(letters, *text | 0x20) : NULL;
	if (letter) {
		unit <<= 10 * (letter - letters + 1);
		text++;
		if ((*text | 0x20) == 'i' && (text[1] | 0x20) == 'b')
			text++;
	}
	text += (*text | 0x20) == 'b';
	if (*text || !add_times(&sum, &d, unit))
		return false;
	*ret = (int64_t)sum;
	return true;
}

bool quantity_time(const char *text, int64_t *ret)
{
	static const struct {
		const char *word;
		uint64_t unit;
	} units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "\xc2\xb5s", 1000 }, { "\xce\xbcs", 1000 },
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 },
		{ "h", 3600000000000 },
	};
	bool negative = *text == '-';
	uint64_t sum = 0;

	text += negative || *text == '+';
	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return true;
	}
	if (!*text)
		return false;
	while (*text) {
		struct decimal d;
		size_t len, i = 0;

		if (!read_decimal(&text, &d))
			return false;
		for (len = 0; text[len] && text[len] != '.' && !is_digit(text[len]);)
			len++;
		while (i < ARRAY_LEN(units) && (strlen(units[i].word) != len ||
						memcmp(units[i].word, text, len) != 0))
			i++;
		if (i == ARRAY_LEN(units) || !add_times(&sum, &d, units[i].unit))
			return false;
		text += len;
	}
	*ret = negative ? -(int64_t)sum : (int64_t)sum;
	return true;
}
