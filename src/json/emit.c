/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout as Go's encoder does it, because engines' tests compare: a space after a colon when
 * indenting and none otherwise, empty containers on one line. PURE.
 */
#include "json/emit.h"

#include <inttypes.h>
#include <string.h>

#include "json/utf8.h"
#include "orlop/err.h"

static void new_line(struct emit *m)
{
	if (m->step == 0)
		return;
	text_add(&m->text, "\n", 1);
	for (unsigned i = 0; i < m->depth * m->step; i++)
		text_add(&m->text, " ", 1);
}

/* The string in quotes, with U+FFFD for each byte that is not UTF-8. */
static void put_string(struct emit *m, const char *s)
{
	size_t len = strlen(s), good = utf8_check(s, len);
	struct text clean = TEXT_IN(m->text.arena);

	if (good == len) {
		text_json(&m->text, s);
		return;
	}
	while (good < len) {
		text_add(&clean, s, good);
		text_puts(&clean, "\xef\xbf\xbd");
		s += good + 1;
		len -= good + 1;
		good = utf8_check(s, len);
	}
	text_add(&clean, s, len);
	text_json(&m->text, text_get(&clean));
}

/* What stands before a value: comma, line, member name. */
static void lead(struct emit *m, const char *key)
{
	bool in_array = m->depth == 0 || (m->arrays >> (m->depth - 1) & 1);

	BUG_ON(in_array != (key == NULL));
	if (m->filled)
		text_add(&m->text, ",", 1);
	if (m->depth > 0)
		new_line(m);
	m->filled = true;
	if (!key)
		return;
	put_string(m, key);
	text_puts(&m->text, m->step ? ": " : ":");
}

static void begin(struct emit *m, const char *key, bool is_array)
{
	lead(m, key);
	BUG_ON(m->depth == 64);
	text_puts(&m->text, is_array ? "[" : "{");
	m->arrays &= ~(UINT64_C(1) << m->depth);
	m->arrays |= (uint64_t)is_array << m->depth;
	m->depth++;
	m->filled = false;
}

void emit_object(struct emit *m, const char *key)
{
	begin(m, key, false);
}

void emit_array(struct emit *m, const char *key)
{
	begin(m, key, true);
}

void emit_end(struct emit *m)
{
	BUG_ON(m->depth == 0);
	m->depth--;
	if (m->filled)
		new_line(m);
	text_puts(&m->text, m->arrays >> m->depth & 1 ? "]" : "}");
	m->filled = true;
}

void emit_str(struct emit *m, const char *key, const char *s)
{
	if (!s) {
		emit_null(m, key);
		return;
	}
	lead(m, key);
	put_string(m, s);
}

void emit_i64(struct emit *m, const char *key, int64_t value)
{
	lead(m, key);
	text_printf(&m->text, "%" PRId64, value);
}

void emit_u64(struct emit *m, const char *key, uint64_t value)
{
	lead(m, key);
	text_printf(&m->text, "%" PRIu64, value);
}

void emit_bool(struct emit *m, const char *key, bool value)
{
	emit_raw(m, key, value ? "true" : "false");
}

void emit_null(struct emit *m, const char *key)
{
	emit_raw(m, key, "null");
}

void emit_raw(struct emit *m, const char *key, const char *json)
{
	lead(m, key);
	text_puts(&m->text, json);
}

const char *emit_get(const struct emit *m)
{
	BUG_ON(m->depth != 0);
	return text_get(&m->text);
}
