/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading by rows: one function for each kind of row, and the loop over an object's members.
 * PURE.
 */
#include "json/bind.h"

#include <string.h>

#include "base/text.h"
#include "orlop/auto.h"

enum { WORD_MAX_LEN = 60, MISSPELT_MAX = 16 };

typedef int row_reader(const struct binding *b, const struct node *n, const struct bind *row,
		       void *field);

static const char *quoted(struct arena *a, const struct node *n)
{
	return text_quote(a, n->text, WORD_MAX_LEN);
}

static int want(const struct binding *b, const struct node *n, enum node_type type,
		const char *expected)
{
	return n->type == type ? 0 : doc_err_type(b->doc, n, b->e, expected);
}

/* Scalars */

int bind_check_str(const struct binding *b, const struct node *n, unsigned flags)
{
	auto_arena a = ARENA_NONE;

	if (want(b, n, NODE_STRING, "a string"))
		return -1;
	if ((flags & B_ABSOLUTE) && n->text[0] != '/')
		return doc_err(b->doc, n, b->e, "expected an absolute path, found %s",
			       quoted(&a, n));
	if ((flags & B_ONE_LINE) && strchr(n->text, '\n'))
		return doc_err(b->doc, n, b->e, "has a newline");
	return 0;
}

static int read_str(const struct binding *b, const struct node *n, const struct bind *row,
		    void *field)
{
	if (want(b, n, NODE_STRING, "a string"))
		return -1;
	if (n->len == 0 && !(row->flags & B_KEEP_EMPTY)) {
		if (row->flags & B_REQUIRED)
			return doc_err(b->doc, n, b->e, "must not be empty");
		return 0;
	}
	if (bind_check_str(b, n, row->flags))
		return -1;
	*(char **)field = n->text;
	return 0;
}

static int read_bool(const struct binding *b, const struct node *n, const struct bind *row,
		     void *field)
{
	(void)row;
	if (want(b, n, NODE_BOOL, "true or false"))
		return -1;
	*(bool *)field = n->truth;
	return 0;
}

static int read_opt_bool(const struct binding *b, const struct node *n, const struct bind *row,
			 void *field)
{
	struct opt_bool *opt = field;

	opt->set = true;
	return read_bool(b, n, row, &opt->value);
}

static int read_i64(const struct binding *b, const struct node *n, const struct bind *row,
		    void *field)
{
	return doc_i64(b->doc, n, row->min, (int64_t)row->max, field, b->e);
}

static int read_u64(const struct binding *b, const struct node *n, const struct bind *row,
		    void *field)
{
	return doc_u64(b->doc, n, (uint64_t)row->min, row->max, field, b->e);
}

static int read_i32(const struct binding *b, const struct node *n, const struct bind *row,
		    void *field)
{
	int64_t wide;

	BUG_ON(row->min < INT32_MIN || row->max > INT32_MAX);
	if (read_i64(b, n, row, &wide))
		return -1;
	*(int32_t *)field = (int32_t)wide;
	return 0;
}

static int read_u32(const struct binding *b, const struct node *n, const struct bind *row,
		    void *field)
{
	uint64_t wide;

	BUG_ON(row->max > UINT32_MAX);
	if (read_u64(b, n, row, &wide))
		return -1;
	*(uint32_t *)field = (uint32_t)wide;
	return 0;
}

static int read_opt_i64(const struct binding *b, const struct node *n, const struct bind *row,
			void *field)
{
	struct opt_i64 *opt = field;

	opt->set = true;
	return read_i64(b, n, row, &opt->value);
}

static int read_opt_u32(const struct binding *b, const struct node *n, const struct bind *row,
			void *field)
{
	struct opt_u32 *opt = field;

	opt->set = true;
	return read_u32(b, n, row, &opt->value);
}

static int read_opt_u64(const struct binding *b, const struct node *n, const struct bind *row,
			void *field)
{
	struct opt_u64 *opt = field;

	opt->set = true;
	return read_u64(b, n, row, &opt->value);
}

/* "one of: a b c", when that is short enough to be read. */
static void hint_all(const struct binding *b, const struct name *words)
{
	enum { LONGEST = 200 };
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);

	for (; words->word[0]; words++)
		text_printf(&t, " %s", words->word);
	if (t.len <= LONGEST)
		err_hint(b->e, "one of:%s", text_get(&t));
}

static int unknown_word(const struct binding *b, const struct node *n, const struct name *words,
			const char *what)
{
	auto_arena a = ARENA_NONE;
	const char *nearest = n->len > 2 ? names_nearest(words, n->text) : NULL;

	doc_err(b->doc, n, b->e, "unknown %s %s", what, quoted(&a, n));
	if (nearest)
		err_hint(b->e, "did you mean \"%s\"?", nearest);
	else
		hint_all(b, words);
	return -1;
}

int bind_word(const struct binding *b, const struct node *n, const struct name *words,
	      const char *what, uint64_t *ret)
{
	if (want(b, n, NODE_STRING, "a string"))
		return -1;
	return names_find(words, n->text, ret) ? 0 : unknown_word(b, n, words, what);
}

static int read_word(const struct binding *b, const struct node *n, const struct bind *row,
		     void *field)
{
	uint64_t value;

	if (bind_word(b, n, row->words, row->what, &value))
		return -1;
	*(uint32_t *)field = (uint32_t)value;
	return 0;
}

/* Arrays and objects */

/* What LIST_OF(type) looks like for every type. */
struct any_list {
	void *items;
	size_t count;
};

/* Makes room for the children of n; the count is filled as they are read. */
static int list_new(const struct binding *b, const struct node *n, const struct bind *row,
		    enum node_type type, size_t size, struct any_list *list)
{
	if (want(b, n, type, type == NODE_ARRAY ? "an array" : "an object"))
		return -1;
	if (n->len == 0 && (row->flags & B_NOT_EMPTY))
		return doc_err(b->doc, n, b->e, "must not be empty");
	list->count = 0;
	list->items = n->len ? arena_array(b->arena, n->len, size) : NULL;
	return 0;
}

static void *list_slot(struct any_list *list, size_t size)
{
	return (char *)list->items + list->count++ * size;
}

static int read_strs(const struct binding *b, const struct node *n, const struct bind *row,
		     void *field)
{
	if (list_new(b, n, row, NODE_ARRAY, sizeof(char *), field))
		return -1;
	for (const struct node *child = n->first; child; child = child->next) {
		if (bind_check_str(b, child, row->flags))
			return -1;
		*(char **)list_slot(field, sizeof(char *)) = child->text;
	}
	return 0;
}

static int read_u32s(const struct binding *b, const struct node *n, const struct bind *row,
		     void *field)
{
	if (list_new(b, n, row, NODE_ARRAY, row->size, field))
		return -1;
	for (const struct node *child = n->first; child; child = child->next)
		if (read_u32(b, child, row, list_slot(field, row->size)))
			return -1;
	return 0;
}

static int read_word_list(const struct binding *b, const struct node *n, const struct bind *row,
			  void *field)
{
	if (list_new(b, n, row, NODE_ARRAY, row->size, field))
		return -1;
	for (const struct node *child = n->first; child; child = child->next)
		if (read_word(b, child, row, list_slot(field, row->size)))
			return -1;
	return 0;
}

static int read_words(const struct binding *b, const struct node *n, const struct bind *row,
		      void *field)
{
	uint64_t all = 0, one;

	if (want(b, n, NODE_ARRAY, "an array"))
		return -1;
	for (const struct node *child = n->first; child; child = child->next) {
		if (bind_word(b, child, row->words, row->what, &one))
			return -1;
		all |= one;
	}
	if (row->size == sizeof(uint64_t))
		*(uint64_t *)field = all;
	else
		*(uint32_t *)field = (uint32_t)all;
	return 0;
}

static int read_object(const struct binding *b, const struct node *n, const struct bind *row,
		       void *field)
{
	return bind_read(b, n, row->table, field);
}

static int read_list(const struct binding *b, const struct node *n, const struct bind *row,
		     void *field)
{
	if (list_new(b, n, row, NODE_ARRAY, row->size, field))
		return -1;
	for (const struct node *child = n->first; child; child = child->next)
		if (bind_read(b, child, row->table, list_slot(field, row->size)))
			return -1;
	return 0;
}

static char *member_name(const struct binding *b, const struct node *member)
{
	return arena_strndup(b->arena, member->key, member->key_len);
}

static int read_map(const struct binding *b, const struct node *n, const struct bind *row,
		    void *field)
{
	if (list_new(b, n, row, NODE_OBJECT, row->size, field))
		return -1;
	for (const struct node *child = n->first; child; child = child->next) {
		void *slot;

		if (child->key_len == 0)
			return doc_err(b->doc, child, b->e, "a member's name is empty");
		slot = list_slot(field, row->size);
		*(char **)slot = member_name(b, child);
		if (bind_read(b, child, row->table, slot))
			return -1;
	}
	return 0;
}

static int read_pairs(const struct binding *b, const struct node *n, const struct bind *row,
		      void *field)
{
	if (list_new(b, n, row, NODE_OBJECT, sizeof(struct oci_pair), field))
		return -1;
	for (const struct node *child = n->first; child; child = child->next) {
		struct oci_pair *pair = list_slot(field, sizeof(*pair));

		if (child->key_len == 0)
			return doc_err(b->doc, child, b->e, "a member's name is empty");
		if (want(b, child, NODE_STRING, "a string"))
			return -1;
		pair->key = member_name(b, child);
		pair->value = child->text;
	}
	return 0;
}

static int read_custom(const struct binding *b, const struct node *n, const struct bind *row,
		       void *field)
{
	return row->read(b, n, field);
}

static int read_refused(const struct binding *b, const struct node *n, const struct bind *row,
			void *field)
{
	(void)field;
	return doc_err(b->doc, n, b->e, "is refused: %s", row->why);
}

static row_reader *const readers[BIND_KIND_COUNT_] = {
	[BIND_BOOL] = read_bool,
	[BIND_OPT_BOOL] = read_opt_bool,
	[BIND_STR] = read_str,
	[BIND_I32] = read_i32,
	[BIND_I64] = read_i64,
	[BIND_U32] = read_u32,
	[BIND_U64] = read_u64,
	[BIND_OPT_I64] = read_opt_i64,
	[BIND_OPT_U32] = read_opt_u32,
	[BIND_OPT_U64] = read_opt_u64,
	[BIND_WORD] = read_word,
	[BIND_STRS] = read_strs,
	[BIND_U32S] = read_u32s,
	[BIND_WORDS] = read_words,
	[BIND_WORD_LIST] = read_word_list,
	[BIND_OBJECT] = read_object,
	[BIND_LIST] = read_list,
	[BIND_MAP] = read_map,
	[BIND_PAIRS] = read_pairs,
	[BIND_CUSTOM] = read_custom,
	[BIND_REFUSED] = read_refused,
};

/*
 * The index of the row for a member, or `count`. Documents tend to be in the order of the table,
 * so the search begins where the last one ended.
 */
static size_t find_row(const struct bind *table, size_t count, size_t start, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = start + i < count ? start + i : start + i - count;

		if (table[at].key && strcmp(table[at].key, key) == 0)
			return at;
	}
	return count;
}

static const struct bind *find_kind(const struct bind *table, enum bind_kind kind)
{
	for (; table->kind != BIND_END; table++)
		if (table->kind == kind)
			return table;
	return NULL;
}

/* The name of the row that a member was probably meant for: nearly the same, and not there. */
static const char *meant(const struct node *object, const char *name, const struct bind *table)
{
	unsigned best = strlen(name) < 5 ? 1 : 2;
	const char *found = NULL;

	for (; table->kind != BIND_END; table++) {
		unsigned distance;

		if (!table->key || doc_find(object, table->key))
			continue;
		distance = names_distance(name, table->key, best);
		if (distance < best + !found) {
			best = distance;
			found = table->key;
		}
	}
	return found;
}

static void note_misspelt(const struct binding *b, const struct node *member,
			  const struct bind *table)
{
	const char *name = meant(member->parent, member->key, table);
	struct err e;

	if (!name || b->misspelt->count == MISSPELT_MAX)
		return;
	doc_err(b->doc, member, &e, "is not known, and ignored; did you mean \"%s\"?", name);
	if (!b->misspelt->items)
		b->misspelt->items = arena_new_array(b->arena, char *, MISSPELT_MAX);
	b->misspelt->items[b->misspelt->count++] = arena_strdup(b->arena, e.text);
}

static int unknown_member(const struct binding *b, const struct node *member,
			  const struct bind *table)
{
	const struct bind *refuse = find_kind(table, BIND_REFUSE_UNKNOWN);

	if (refuse)
		return doc_err(b->doc, member, b->e, "unknown %s", refuse->what);
	if (b->misspelt)
		note_misspelt(b, member, table);
	return 0;
}

static int check_required(const struct binding *b, const struct node *n, const struct bind *table,
			  uint64_t seen)
{
	for (size_t i = 0; table[i].kind != BIND_END; i++)
		if ((table[i].flags & B_REQUIRED) && !(seen >> i & 1))
			return doc_err(b->doc, n, b->e, "\"%s\" is missing", table[i].key);
	return 0;
}

/* The rows that stand for no member, after all members were read. */
static int run_object_rows(const struct binding *b, const struct node *n, const struct bind *table,
			   char *target)
{
	for (; table->kind != BIND_END; table++) {
		const struct node *member = NULL;

		if (table->kind == BIND_LINE_OF)
			member = doc_find(n, table->what);
		if (table->kind == BIND_SET)
			*(bool *)(target + table->offset) = true;
		else if (table->kind == BIND_LINE)
			*(unsigned *)(target + table->offset) = n->line;
		else if (member)
			*(unsigned *)(target + table->offset) = member->line;
		else if (table->kind == BIND_CHECK && table->check(b, n, target))
			return -1;
	}
	return 0;
}

int bind_read(const struct binding *b, const struct node *n, const struct bind *table, void *target)
{
	size_t count = 0, next = 0;
	uint64_t seen = 0;

	if (want(b, n, NODE_OBJECT, "an object"))
		return -1;
	while (table[count].kind != BIND_END)
		count++;
	BUG_ON(count > 64);
	for (const struct node *member = n->first; member; member = member->next) {
		size_t at;

		if (member->type == NODE_NULL)
			continue;
		at = find_row(table, count, next, member->key);
		if (at == count) {
			if (unknown_member(b, member, table))
				return -1;
			continue;
		}
		if (readers[table[at].kind](b, member, &table[at],
					    (char *)target + table[at].offset))
			return -1;
		seen |= UINT64_C(1) << at;
		next = at + 1;
	}
	if (check_required(b, n, table, seen))
		return -1;
	return run_object_rows(b, n, table, target);
}
