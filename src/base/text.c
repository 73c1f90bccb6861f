/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing strings in an arena. Growth leaves the old copy behind, which the arena frees later;
 * doubling keeps that below the size of the final text.
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/character.h"

static void make_room(struct text *t, size_t more)
{
	size_t room = t->room ? t->room : 128;
	char *bytes;

	if (t->len + more + 1 <= t->room)
		return;
	while (room < t->len + more + 1)
		room *= 2;
	bytes = arena_alloc(t->arena, room);
	if (t->len)
		memcpy(bytes, t->bytes, t->len);
	t->bytes = bytes;
	t->room = room;
}

void text_add(struct text *t, const char *bytes, size_t len)
{
	make_room(t, len);
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	t->bytes[t->len] = '\0';
}

void text_puts(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list ap, again;
	int len;

	va_start(ap, format);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (len > 0) {
		make_room(t, (size_t)len);
		vsnprintf(t->bytes + t->len, (size_t)len + 1, format, again);
		t->len += (size_t)len;
	}
	va_end(again);
}

void text_json(struct text *t, const char *s)
{
	const char *plain = s;

	text_add(t, "\"", 1);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_add(t, plain, (size_t)(s - plain));
		plain = s + 1;
		if (c == '"' || c == '\\')
			text_printf(t, "\\%c", c);
		else if (c == '\n')
			text_puts(t, "\\n");
		else if (c == '\t')
			text_puts(t, "\\t");
		else
			text_printf(t, "\\u%04x", c);
	}
	text_add(t, plain, (size_t)(s - plain));
	text_add(t, "\"", 1);
}

const char *text_get(const struct text *t)
{
	return t->bytes ? t->bytes : "";
}

const char *text_quote(struct arena *a, const char *s, size_t max)
{
	struct text t = TEXT_IN(a);
	size_t n = 0;

	text_add(&t, "\"", 1);
	while (s[n] && n < max) {
		uint32_t c = 0;
		size_t len = character_read(s + n, &c), all = len ? len : 1;

		if (len && !character_is_hidden(c))
			text_add(&t, s + n, len);
		else
			for (size_t i = 0; i < all; i++)
				text_printf(&t, "\\x%02x", (unsigned char)s[n + i]);
		n += all;
	}
	if (s[n])
		text_puts(&t, "...");
	text_add(&t, "\"", 1);
	return t.bytes;
}
