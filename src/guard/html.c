/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escaping. PURE.
 */
#include "guard/html.h"

#include <string.h>

#include "base/character.h"

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
		uint32_t number;
		size_t len;

		if (!((unsigned char)*s & 0x80)) {
			add_ascii(t, *s++);
			continue;
		}
		len = character_read(s, &number);
		if (!len)
			text_printf(t, "[x%02x]", (unsigned char)*s);
		else if (character_is_hidden(number))
			text_printf(t, "[U+%04X]", number);
		else
			text_add(t, s, len);
		s += len ? len : 1;
	}
	if (s && *s)
		text_puts(t, "...");
}
