/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at the tree: members, numbers of a width, and the place of a value in a message. The
 * path is only put together when there is something to say. PURE.
 */
#include "json/doc.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

enum {
	PATH_MAX_LEN = 300,	/* of a member path in a message; the end is what matters */
	WORD_MAX_LEN = 60,	/* of a user's word in a message */
	NUMBER_MAX_LEN = 40,	/* of a number in a message */
};

const struct node *doc_find(const struct node *n, const char *key)
{
	if (n->type != NODE_OBJECT)
		return NULL;
	for (const struct node *member = n->first; member; member = member->next)
		if (strcmp(member->key, key) == 0)
			return member->type == NODE_NULL ? NULL : member;
	return NULL;
}

const struct node *doc_at(const struct node *n, size_t index)
{
	const struct node *child;

	BUG_ON(n->type != NODE_ARRAY && n->type != NODE_OBJECT);
	for (child = n->first; child && index > 0; index--)
		child = child->next;
	BUG_ON(!child);
	return child;
}

/* Messages */

static bool is_plain_key(const struct node *n)
{
	if (n->key_len == 0 || n->key_len > WORD_MAX_LEN)
		return false;
	for (unsigned i = 0; i < n->key_len; i++) {
		char c = n->key[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
		      (c >= '0' && c <= '9')))
			return false;
	}
	return true;
}

static size_t index_of(const struct node *n)
{
	size_t index = 0;

	for (const struct node *other = n->parent->first; other != n; other = other->next)
		index++;
	return index;
}

static void add_path(struct text *t, const struct node *n)
{
	if (!n->parent)
		return;
	add_path(t, n->parent);
	if (!n->key)
		text_printf(t, "[%zu]", index_of(n));
	else if (is_plain_key(n))
		text_printf(t, "%s%s", t->len ? "." : "", n->key);
	else
		text_printf(t, "[%s]", text_quote(t->arena, n->key, WORD_MAX_LEN));
}

int doc_err_in(const char *name, unsigned line, const struct node *n, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct text path = TEXT_IN(&a);
	const char *cut = "";
	const char *shown;

	if (n)
		add_path(&path, n);
	if (path.len == 0)
		return err_in(e, "%s:%u", name, line);
	shown = text_get(&path);
	if (path.len > PATH_MAX_LEN) {
		shown += path.len - PATH_MAX_LEN;
		while ((*shown & 0xc0) == 0x80)	/* inside a character */
			shown++;
		cut = "...";
	}
	return err_in(e, "%s:%u: %s%s", name, line, cut, shown);
}

int doc_err(const struct doc *d, const struct node *n, struct err *e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	err_setv(e, ERR_CONFIG, format, ap);
	va_end(ap);
	return doc_err_in(d->name, n->line, n, e);
}

/* What a value is, with its contents where they are short: `the string "5"`. */
static const char *describe(const struct node *n, struct arena *a)
{
	if (n->type == NODE_STRING)
		return arena_printf(a, "the string %s", text_quote(a, n->text, WORD_MAX_LEN));
	if (n->type == NODE_NUMBER)
		return arena_printf(a, "the number %.*s", NUMBER_MAX_LEN, n->text);
	if (n->type == NODE_BOOL)
		return n->truth ? "the word true" : "the word false";
	if (n->type == NODE_NULL)
		return "null";
	return n->type == NODE_ARRAY ? "an array" : "an object";
}

int doc_err_type(const struct doc *d, const struct node *n, struct err *e, const char *expected)
{
	auto_arena a = ARENA_NONE;

	return doc_err(d, n, e, "expected %s, found %s", expected, describe(n, &a));
}

/* Numbers */

/* Takes a whole number apart; false for one with a fraction, an exponent or over 64 bits. */
static bool magnitude(const char *digits, uint64_t *ret)
{
	uint64_t value = 0;

	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (unsigned)(*digits - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}

/* Every integer row comes through here: min is not above 0 when it is negative. */
static int whole(const struct doc *d, const struct node *n, int64_t min, uint64_t max,
		 bool *negative, uint64_t *ret, struct err *e)
{
	uint64_t value;
	bool minus, fits;

	if (n->type != NODE_NUMBER)
		return doc_err_type(d, n, e, "a number");
	if (strpbrk(n->text, ".eE"))
		return doc_err_type(d, n, e, "a whole number");
	minus = n->text[0] == '-';
	fits = magnitude(n->text + minus, &value);
	if (fits && value == 0)
		minus = false;
	if (fits && minus)
		fits = min < 0 && value <= -(uint64_t)min;
	else if (fits)
		fits = value <= max && (min <= 0 || value >= (uint64_t)min);
	if (!fits)
		return doc_err(d, n, e, "%.*s is out of range (%" PRId64 " to %" PRIu64 ")",
			       NUMBER_MAX_LEN, n->text, min, max);
	*negative = minus;
	*ret = value;
	return 0;
}

int doc_i64(const struct doc *d, const struct node *n, int64_t min, int64_t max, int64_t *ret,
	    struct err *e)
{
	uint64_t value;
	bool negative;

	BUG_ON(max < 0);
	if (whole(d, n, min, (uint64_t)max, &negative, &value, e))
		return -1;
	*ret = (int64_t)(negative ? -value : value);
	return 0;
}

int doc_u64(const struct doc *d, const struct node *n, uint64_t min, uint64_t max, uint64_t *ret,
	    struct err *e)
{
	bool negative;

	BUG_ON(min > INT64_MAX);
	return whole(d, n, (int64_t)min, max, &negative, ret, e);
}
