/* SPDX-License-Identifier: Apache-2.0 */
/* Every code point, and every pair of first bytes, against the definition written out. */
#include "json/utf8.h"

#include <stdint.h>

#include "check.h"

static size_t encode(uint32_t c, char *out)
{
	if (c < 0x80)
		return out[0] = (char)c, 1;
	if (c < 0x800)
		return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3f)), 2;
	if (c < 0x10000)
		return out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 0x3f)),
		       out[2] = (char)(0x80 | (c & 0x3f)), 3;
	return out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 0x3f)),
	       out[2] = (char)(0x80 | (c >> 6 & 0x3f)), out[3] = (char)(0x80 | (c & 0x3f)), 4;
}

static void check_code_points(void)
{
	size_t wrong = 0;

	for (uint32_t c = 0; c < 0x140000; c++) {
		char bytes[4];
		size_t len = encode(c, bytes);
		bool good = c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000);

		wrong += (utf8_check(bytes, len) == len) != good;
		if (len > 1)	/* cut off */
			wrong += utf8_check(bytes, len - 1) != 0;
	}
	CHECK(wrong == 0, "%zu code points", wrong);
}

/* A string of one character in more bytes than it needs. */
static void check_overlong(void)
{
	CHECK(utf8_check("\xc1\xbf", 2) == 0);
	CHECK(utf8_check("\xe0\x9f\xbf", 3) == 0);
	CHECK(utf8_check("\xf0\x8f\xbf\xbf", 4) == 0);
	CHECK(utf8_check("\xf8\x88\x80\x80\x80", 5) == 0);
	CHECK(utf8_check("\x80", 1) == 0);
}

/* The fast path stops where the slow one would. */
static void check_offsets(void)
{
	for (size_t at = 0; at < 40; at++) {
		char text[40];

		memset(text, 'x', sizeof(text));
		text[at] = (char)0xff;
		CHECK(utf8_check(text, sizeof(text)) == at, "%zu", at);
		CHECK(utf8_check(text, at) == at, "%zu", at);
	}
}

int main(void)
{
	check_code_points();
	check_overlong();
	check_offsets();
	return check_result();
}
