/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows yajl, of which it uses the streaming parser alone: yajl's own tree
 * switches comments on, keeps the first of two members and has a known leak. What yajl lets
 * through and we do not (duplicates, surrogates, overlong UTF-8, depth) is checked here; its
 * error texts are replaced by ours. PURE.
 */
#include "json/doc.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/text.h"
#include "json/utf8.h"
#include "orlop/auto.h"

enum {
	FEW_MEMBERS = 12,	/* up to here comparing all pairs beats sorting */
	WORD_MAX_LEN = 60,	/* of a user's word in a message */
};

struct reading {
	yajl_handle yajl;
	const char *text;
	size_t len;
	size_t before;		/* where the token before this one ended */
	size_t offset;		/* where this token ends */
	unsigned line;
	struct doc *doc;
	struct arena *strings;
	struct {
		struct node *node, *last;
	} open[DOC_DEPTH_MAX];
	unsigned depth;
	unsigned values;
	const char *key;	/* read, and its value is awaited */
	unsigned key_len;
	struct err *e;
};

static int stop(struct reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* Reports at the present line, with the path of the value being read or of what is open. */
static int stop(struct reading *r, const char *format, ...)
{
	struct node *container = r->depth ? r->open[r->depth - 1].node : NULL;
	struct node pending = { .parent = container, .key = r->key, .key_len = r->key_len };
	va_list ap;

	va_start(ap, format);
	err_setv(r->e, ERR_CONFIG, format, ap);
	va_end(ap);
	doc_err_in(r->doc->name, r->line, r->key ? &pending : container, r->e);
	return 0;	/* which makes yajl stop */
}

/* Building the tree */

/* Moves to the end of the token that yajl has just read. */
static void advance(struct reading *r)
{
	size_t end = yajl_get_bytes_consumed(r->yajl);
	const char *from = r->text + r->offset;

	if (end < r->offset || end > r->len)
		end = r->len;	/* a number at the very end comes from yajl's own buffer */
	while ((from = memchr(from, '\n', (size_t)(r->text + end - from)))) {
		from++;
		r->line++;
	}
	r->before = r->offset;
	r->offset = end;
}

/* Links a new value into the tree; NULL after an error. */
static struct node *add(struct reading *r, enum node_type type)
{
	struct node *n;

	if (++r->values > DOC_VALUES_MAX) {
		stop(r, "the document has more than %d values", DOC_VALUES_MAX);
		return NULL;
	}
	n = arena_new(&r->doc->nodes, struct node);
	n->type = type;
	n->line = r->line;
	n->key = r->key;
	n->key_len = r->key_len;
	r->key = NULL;
	r->key_len = 0;
	if (r->depth == 0) {
		r->doc->root = n;
		return n;
	}
	n->parent = r->open[r->depth - 1].node;
	n->parent->len++;
	if (r->open[r->depth - 1].last)
		r->open[r->depth - 1].last->next = n;
	else
		n->parent->first = n;
	r->open[r->depth - 1].last = n;
	return n;
}

/* Four hexadecimal digits, which yajl has checked. */
static unsigned hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];

		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

/*
 * Looks for half a surrogate pair in the escapes of the string that was just read: yajl makes a
 * question mark of the first half and an impossible character of the second.
 */
static int check_surrogates(struct reading *r)
{
	const char *p = memchr(r->text + r->before, '"', r->offset - r->before);
	const char *end = r->text + r->offset;

	while (p && (p = memchr(p, '\\', (size_t)(end - p)))) {
		unsigned unit;

		if (p[1] != 'u') {
			p += 2;
			continue;
		}
		unit = hex4(p + 2);
		if (unit >= 0xd800 && unit < 0xdc00 && end - p >= 12 && p[6] == '\\' &&
		    p[7] == 'u' && (hex4(p + 8) & 0xfc00) == 0xdc00) {
			p += 12;
			continue;
		}
		if (unit >= 0xd800 && unit < 0xe000)
			return stop(r, "\\u%.4s is half of a surrogate pair", p + 2);
		p += 6;
	}
	return 1;
}

/* Copies a string that yajl has decoded; NULL after an error. */
static char *copy(struct reading *r, struct arena *a, const unsigned char *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	bool decoded = text < r->text || text >= r->text + r->len;

	if (decoded && !check_surrogates(r))
		return NULL;
	if (decoded && memchr(text, 0, len)) {
		stop(r, "a string has a NUL character (\\u0000)");
		return NULL;
	}
	return arena_strndup(a, text, len);
}

static int on_null(void *context)
{
	struct reading *r = context;

	advance(r);
	return add(r, NODE_NULL) != NULL;
}

static int on_bool(void *context, int truth)
{
	struct reading *r = context;
	struct node *n;

	advance(r);
	n = add(r, NODE_BOOL);
	if (!n)
		return 0;
	n->truth = truth != 0;
	return 1;
}

static int on_number(void *context, const char *digits, size_t len)
{
	struct reading *r = context;
	struct node *n;

	advance(r);
	n = add(r, NODE_NUMBER);
	if (!n)
		return 0;
	n->text = arena_strndup(&r->doc->nodes, digits, len);
	n->len = (unsigned)len;
	return 1;
}

static int on_string(void *context, const unsigned char *bytes, size_t len)
{
	struct reading *r = context;
	struct node *n;
	char *text;

	advance(r);
	text = copy(r, r->strings, bytes, len);
	n = text ? add(r, NODE_STRING) : NULL;
	if (!n)
		return 0;
	n->text = text;
	n->len = (unsigned)len;
	return 1;
}

static int on_key(void *context, const unsigned char *bytes, size_t len)
{
	struct reading *r = context;

	advance(r);
	r->key = copy(r, &r->doc->nodes, bytes, len);
	r->key_len = (unsigned)len;
	return r->key != NULL;
}

static int begin(struct reading *r, enum node_type type)
{
	struct node *n;

	advance(r);
	if (r->depth == DOC_DEPTH_MAX)
		return stop(r, "nested more than %d levels deep", DOC_DEPTH_MAX);
	n = add(r, type);
	if (!n)
		return 0;
	r->open[r->depth].node = n;
	r->open[r->depth].last = NULL;
	r->depth++;
	return 1;
}

static int on_object(void *context)
{
	return begin(context, NODE_OBJECT);
}

static int on_array(void *context)
{
	return begin(context, NODE_ARRAY);
}

static int on_array_end(void *context)
{
	struct reading *r = context;

	advance(r);
	r->depth--;
	return 1;
}

static bool same_key(const struct node *a, const struct node *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/* By name; members of the same name in the order of the document. */
static int by_key(const void *left, const void *right)
{
	const struct node *a = *(const struct node *const *)left;
	const struct node *b = *(const struct node *const *)right;
	int order;

	if (a->key_len != b->key_len)
		return a->key_len < b->key_len ? -1 : 1;
	order = memcmp(a->key, b->key, a->key_len);
	if (order)
		return order;
	return a->line < b->line ? -1 : a->line > b->line;
}

/* Reports the member `again`, which has the name of an earlier one. */
static int duplicate(struct reading *r, const struct node *earlier, const struct node *again)
{
	auto_arena a = ARENA_NONE;

	err_set(r->e, ERR_CONFIG, "%s appears twice (first on line %u)",
		text_quote(&a, again->key, WORD_MAX_LEN), earlier->line);
	doc_err_in(r->doc->name, again->line, again->parent, r->e);
	return 0;
}

/* Sorting keeps an object of 100,000 members from costing 5,000,000,000 comparisons. */
static int check_many_members(struct reading *r, const struct node *object)
{
	auto_arena a = ARENA_NONE;
	const struct node **sorted = arena_new_array(&a, const struct node *, object->len);
	size_t count = 0;

	for (const struct node *n = object->first; n; n = n->next)
		sorted[count++] = n;
	qsort(sorted, count, sizeof(sorted[0]), by_key);
	for (size_t i = 1; i < count; i++)
		if (same_key(sorted[i - 1], sorted[i]))
			return duplicate(r, sorted[i - 1], sorted[i]);
	return 1;
}

static int on_object_end(void *context)
{
	struct reading *r = context;
	const struct node *object = r->open[r->depth - 1].node;

	advance(r);
	r->depth--;
	if (object->len > FEW_MEMBERS)
		return check_many_members(r, object);
	for (const struct node *n = object->first; n; n = n->next)
		for (const struct node *other = object->first; other != n; other = other->next)
			if (same_key(other, n))
				return duplicate(r, other, n);
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_object_end,
	.yajl_start_array = on_array,
	.yajl_end_array = on_array_end,
};

/* yajl does not look at what its allocator returns. */

static void *memory_get(void *context, size_t size)
{
	void *p = malloc(size);

	(void)context;
	if (!p)
		err_bug(__FILE__, __LINE__, "out of memory");
	return p;
}

static void *memory_resize(void *context, void *old, size_t size)
{
	void *p = realloc(old, size);

	(void)context;
	if (!p)
		err_bug(__FILE__, __LINE__, "out of memory");
	return p;
}

static void memory_free(void *context, void *p)
{
	(void)context;
	free(p);
}

/* yajl's sentences and ours. The first row whose words occur in yajl's is taken. */
static const struct {
	const char *yajl, *ours;
} sentences[] = {
	{ "premature EOF", "unexpected end of the document (is the file cut off?)" },
	{ "trailing garbage", "something follows the end of the document" },
	{ "probable comment", "a comment: JSON has none" },
	{ "I expect ',' or ']'", "expected \",\" or \"]\" after an element of an array" },
	{ "I expect ',' or '}'", "expected \",\" or \"}\" after a member" },
	{ "separated by a colon", "expected \":\" after a member's name" },
	{ "invalid object key", "expected a member's name in double quotes" },
	{ "a digit is required after the minus", "a number needs a digit after \"-\"" },
	{ "a digit is required after the decimal", "a number needs a digit after \".\"" },
	{ "a digit is required after the exponent", "a number needs a digit after its exponent" },
	{ "inside a string, '\\' occurs before",
	  "a string has a backslash before a character that needs none" },
	{ "occurs after '\\u'", "a string has \\u without four hexadecimal digits" },
	{ "invalid character inside string",
	  "a string has a control character (a missing quote on this line?)" },
	{ "invalid string in json text", "a word that is not true, false or null" },
	{ "unallowed token", "expected a value" },
};

static const char plain_number[] = "a decimal number without a unit or a zero in front";

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_in_word(char c)
{
	return !strchr(" \t\r\n,:[]{}\"", c);
}

/* The whole word of which the byte at `at` is one, for a message. */
static const char *word_at(const struct reading *r, size_t at, struct arena *a)
{
	size_t len = 1;

	while (at > 0 && is_in_word(r->text[at - 1]))
		at--;
	while (at + len < r->len && is_in_word(r->text[at + len]))
		len++;
	return arena_strndup(a, r->text + at, len);
}

/* yajl has stopped behind a character that begins nothing: shows the word that it is in. */
static int report_word(struct reading *r)
{
	auto_arena a = ARENA_NONE;
	bool is_name = !r->key && r->depth && r->open[r->depth - 1].node->type == NODE_OBJECT;
	const char *word = word_at(r, r->offset - 1, &a);
	const char *expected = is_digit(*word) ? plain_number :
			       is_name ? "a member's name in double quotes" : "a value";

	if (*word == '#')
		stop(r, "a comment: JSON has none");
	else
		stop(r, "expected %s, found %s", expected, text_quote(&a, word, WORD_MAX_LEN));
	return -1;
}

/* A bracket that closes, where yajl wanted something else, and a comma before it. */
static bool is_trailing_comma(const struct reading *r)
{
	size_t at = r->offset;

	if (at < 2 || (r->text[at - 1] != '}' && r->text[at - 1] != ']'))
		return false;
	for (at--; at > 0 && strchr(" \t\r\n", r->text[at - 1]); at--)
		;
	return at > 0 && r->text[at - 1] == ',';
}

/* What is a number to yajl goes on: 0644 is 0 and then 644. */
static bool is_second_number(const struct reading *r)
{
	return r->before > 0 && r->before < r->len && is_digit(r->text[r->before - 1]) &&
	       is_digit(r->text[r->before]);
}

/* Mistakes of which the text tells more than yajl does; false: it is none of them. */
static bool report_slip(struct reading *r)
{
	auto_arena a = ARENA_NONE;

	if (is_trailing_comma(r))
		stop(r, "a comma before \"%c\": JSON has none there", r->text[r->offset - 1]);
	else if (is_second_number(r))
		stop(r, "expected %s, found %s", plain_number,
		     text_quote(&a, word_at(r, r->before, &a), WORD_MAX_LEN));
	else
		return false;
	return true;
}

static int report_yajl(struct reading *r)
{
	unsigned char *text = yajl_get_error(r->yajl, 0, (const unsigned char *)r->text, r->len);
	const char *ours = "not a JSON document";

	if (text && strstr((const char *)text, "invalid char in json text") && r->offset > 0) {
		yajl_free_error(r->yajl, text);
		return report_word(r);
	}
	if (report_slip(r)) {
		yajl_free_error(r->yajl, text);
		return -1;
	}
	for (size_t i = 0; text && i < ARRAY_LEN(sentences); i++)
		if (strstr((const char *)text, sentences[i].yajl)) {
			ours = sentences[i].ours;
			break;
		}
	if (text)
		yajl_free_error(r->yajl, text);
	stop(r, "%s", ours);
	return -1;
}

static int read_tree(struct reading *r)
{
	yajl_status status;

	/* utf8_check has seen the text, and is stricter than yajl's check. */
	yajl_config(r->yajl, yajl_dont_validate_strings, 1);
	status = yajl_parse(r->yajl, (const unsigned char *)r->text, r->len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(r->yajl);
	if (status == yajl_status_ok)
		return 0;
	if (status == yajl_status_client_canceled)
		return -1;
	advance(r);
	return report_yajl(r);
}

static unsigned line_of(const char *text, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static bool is_blank(const char *text, size_t len)
{
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	return len == 0;
}

/* What can be said about a text before its grammar matters. */
static int check_bytes(const char *name, const char *text, size_t len, struct err *e)
{
	const char *nul = len ? memchr(text, 0, len) : NULL;
	size_t good;

	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return err_set(e, ERR_CONFIG, "%s:1: is UTF-16, not UTF-8: save it as UTF-8", name);
	if (nul)
		return err_set(e, ERR_CONFIG, "%s:%u: a NUL byte: this is not a text file", name,
			       line_of(text, (size_t)(nul - text)));
	good = utf8_check(text, len);
	if (good < len)
		return err_set(e, ERR_CONFIG, "%s:%u: the byte 0x%02x is not UTF-8", name,
			       line_of(text, good), (unsigned char)text[good]);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return err_set(e, ERR_CONFIG, "%s:1: begins with a byte order mark: "
			       "save it as UTF-8 without one", name);
	if (is_blank(text, len))
		return err_set(e, ERR_CONFIG, "%s: the document is empty", name);
	return 0;
}

int doc_read(const char *name, const char *text, size_t len, struct arena *strings,
	     struct doc *ret, struct err *e)
{
	yajl_alloc_funcs memory = { memory_get, memory_resize, memory_free, NULL };
	auto_doc doc = { .name = name };
	struct reading r = {
		.text = text, .len = len, .line = 1, .doc = &doc, .strings = strings, .e = e,
	};
	int status;

	if (len > DOC_SIZE_MAX)
		return err_set(e, ERR_CONFIG, "%s: the document has %zu bytes, more than %d", name,
			       len, DOC_SIZE_MAX);
	if (check_bytes(name, text, len, e))
		return -1;
	r.yajl = yajl_alloc(&callbacks, &memory, &r);
	BUG_ON(!r.yajl);
	status = read_tree(&r);
	yajl_free(r.yajl);
	if (status)
		return -1;
	*ret = doc;
	doc = DOC_NONE;
	return 0;
}

void doc_done(struct doc *d)
{
	arena_free(&d->nodes);
	d->root = NULL;
}
