/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escaping. PURE.
 */
#include "guard/html.h"

#include <string.h>

/* The length of the UTF-8 character at s and its number; 0 when there is none. */
static size_t character(const unsigned char *s, unsigned *ret)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	unsigned number;

	if (!len)
		return 0;
	number = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		number = number << 6 | (s[i] & 0x3f);
	}
	if (number < least[len] || number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
		return 0;
	*ret = number;
	return len;
}

/* Those that are not seen, or make others be seen elsewhere. */
static bool is_deceptive(unsigned n)
{
	return (n >= 0x80 && n < 0xa0) || (n >= 0x200b && n <= 0x200f) ||
	       (n >= 0x2028 && n <= 0x202e) || (n >= 0x2060 && n <= 0x206f) || n == 0xfeff ||
	       (n >= 0xe0000 && n <= 0xe007f);
}

static void add_ascii(struct text *t, char c)
{
	switch (c) {
	case '&':
		text_puts(t, "&amp;");
		break;
	case '<':
		text_puts(t, "&lt;");
		break;
	case '>':
		text_puts(t, "&gt;");
		break;
	case '"':
		text_puts(t, "&quot;");
		break;
	case '\'':
		text_puts(t, "&#39;");
		break;
	default:
		if (((unsigned char)c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			text_printf(t, "[x%02x]", (unsigned char)c);
		else
			text_add(t, &c, 1);
	}
}

void html_text(struct text *t, const char *s, size_t max)
{
	const char *end = s ? s + strnlen(s, max) : NULL;

	while (s && s < end) {
		unsigned number;
		size_t len;

		if (!((unsigned char)*s & 0x80)) {
			add_ascii(t, *s++);
			continue;
		}
		len = character((const unsigned char *)s, &number);
		if (!len)
			text_printf(t, "[x%02x]", (unsigned char)*s);
		else if (is_deceptive(number))
			text_printf(t, "[U+%04X]", number);
		else
			text_add(t, s, len);
		s += len ? len : 1;
	}
	if (s && *s)
		text_puts(t, "...");
}
