/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 as RFC 3629 defines it. ASCII, which is nearly everything, goes by eight bytes at a time.
 * PURE.
 */
#include "json/utf8.h"

#include <stdint.h>
#include <string.h>

#include "orlop/auto.h"

/* Which second bytes may follow a first byte; the bytes after that are always 80..BF. */
static const struct {
	unsigned char first_low, first_high, second_low, second_high;
	unsigned char length;
} forms[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },	/* below: overlong */
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },	/* above: surrogates */
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },	/* below: overlong */
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },	/* above: beyond U+10FFFF */
};

/* The length of the character that begins at p, or 0. */
static size_t character(const unsigned char *p, size_t left)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (p[0] < forms[i].first_low || p[0] > forms[i].first_high)
			continue;
		if (left < forms[i].length || p[1] < forms[i].second_low ||
		    p[1] > forms[i].second_high)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

size_t utf8_check(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t at = 0;

	while (at < len) {
		uint64_t eight;
		size_t length;

		if (len - at >= sizeof(eight)) {
			memcpy(&eight, p + at, sizeof(eight));
			if (!(eight & UINT64_C(0x8080808080808080))) {
				at += sizeof(eight);
				continue;
			}
		}
		if (p[at] < 0x80) {
			at++;
			continue;
		}
		length = character(p + at, len - at);
		if (length == 0)
			return at;
		at += length;
	}
	return len;
}
