/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a JSON tree to a struct by a table: one row for each member, so that a reader sees the
 * specification. A row whose field has another type than the row says does not compile. PURE.
 *
 * What every table gets for nothing: the type of each member that is present is checked (a wrong
 * one is never taken for absence), numbers are exact and their range is in the message, null is
 * absence, a member without a row is ignored (see `misspelt`), and a required one that is absent is
 * an error.
 *
 *	static const struct bind user[] = {
 *		B_LINE(struct oci_user, line),
 *		B_U32_TO(struct oci_user, uid, "uid", UINT32_MAX - 1, B_REQUIRED),
 *		B_STR(struct oci_user, home, "home"),
 *		B_CHECK(user_check),
 *		B_END
 *	};
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/names.h"
#include "json/doc.h"
#include "orlop/value.h"

enum bind_kind {
	BIND_END,
	/* Rows that stand for no member. */
	BIND_SET,	/* a bool that becomes true when the object is there */
	BIND_LINE,	/* an unsigned: the line on which the object begins */
	BIND_LINE_OF,	/* an unsigned: the line of the member named in `what`, 0 without it */
	BIND_CHECK,	/* a function called when all members were read */
	/* Scalars. */
	BIND_BOOL,
	BIND_OPT_BOOL,
	BIND_STR,
	BIND_I32,
	BIND_I64,
	BIND_U32,
	BIND_U64,
	BIND_OPT_I64,
	BIND_OPT_U32,
	BIND_OPT_U64,
	BIND_WORD,	/* a word of a table: its value */
	/* Arrays of scalars. */
	BIND_STRS,
	BIND_U32S,
	BIND_WORDS,	/* words of a table: the union of their values */
	BIND_WORD_LIST,	/* words of a table: a list of their values */
	/* Objects. */
	BIND_OBJECT,
	BIND_LIST,	/* an array of objects */
	BIND_MAP,	/* an object of objects; the name goes to the element's first field */
	BIND_PAIRS,	/* an object of strings */
	/* The rest. */
	BIND_CUSTOM,
	BIND_REFUSED,	/* its presence is an error, with the reason */
	BIND_REFUSE_UNKNOWN,	/* this object's members without a row are errors */
	BIND_KIND_COUNT_
};

enum {
	B_REQUIRED = 1,		/* absence is an error; so is an empty string */
	B_ABSOLUTE = 2,		/* a string, or each of a list: begins with '/' */
	B_KEEP_EMPTY = 4,	/* "" is a value of its own; otherwise it counts as absent */
	B_NOT_EMPTY = 8,	/* an array that is there has at least one element */
	B_ONE_LINE = 16,	/* a string, or each of a list: has no newline */
};

/* What the functions of a table are given. */
struct binding {
	const struct doc *doc;
	struct arena *arena;	/* of the result */
	struct err *e;
	/*
	 * If it is not NULL: collects a sentence for each of the first members that are ignored
	 * and nearly have the name of one that is not there.
	 */
	struct str_list *misspelt;
};

/* Reads the member n into the row's field. */
typedef int bind_reader(const struct binding *b, const struct node *n, void *field);

/* Looks at an object of which every member was read. */
typedef int bind_checker(const struct binding *b, const struct node *n, void *object);

/* Half a cache line: there are hundreds of rows, and the loader relocates each at every start. */
struct bind {
	const char *key;
	enum bind_kind kind : 8;
	unsigned flags : 8;
	uint16_t size;		/* of one element of a list */
	uint32_t offset;	/* of the field */
	union {
		struct {	/* of numbers */
			int64_t min;
			uint64_t max;
		};
		struct {
			union {
				const struct bind *table;
				const struct name *words;
				bind_reader *read;
				bind_checker *check;
				const char *why;	/* a refusal's reason */
			};
			const char *what;	/* a word table's subject: `unknown <what> "x"` */
		};
	};
};

/*
 * Reads the object n into *target, which is zeroed, by the rows up to B_END. Strings are those of
 * the document; lists are in the arena.
 */
int bind_read(const struct binding *b, const struct node *n, const struct bind *table, void *target)
	__attribute__((warn_unused_result));

/*
 * 0 and the value of the string n in the table; or -1 and `unknown <what> "<word>"`, with the
 * nearest word of the table as a hint, or all of a short one.
 */
int bind_word(const struct binding *b, const struct node *n, const struct name *words,
	      const char *what, uint64_t *ret) __attribute__((warn_unused_result));

/* 0 when the string or its lack passes the row flags B_ABSOLUTE and B_ONE_LINE, otherwise -1. */
int bind_check_str(const struct binding *b, const struct node *n, unsigned flags)
	__attribute__((warn_unused_result));

/*
 * The offset of a field, after checking its type at compile time; s is a struct type, f a field
 * of it, perhaps with dots.
 */
#define B_TYPE(s, f) typeof(((s *)0)->f)
#define B_ASSERT(condition, text) \
	(0 * sizeof(struct { _Static_assert(condition, text); int unused; }))
#define B_FIELD(s, f, type) \
	(offsetof(s, f) + \
	 B_ASSERT(__builtin_types_compatible_p(B_TYPE(s, f), type), \
		  "the field " #f " is not of type " #type))
/* A LIST_OF(type): a pointer to items, then their count. */
#define B_LIST_FIELD(s, f, type) \
	(offsetof(s, f) + \
	 B_ASSERT(__builtin_types_compatible_p(B_TYPE(s, f.items), type *) && \
		  offsetof(s, f.items) == offsetof(s, f) && \
		  offsetof(s, f.count) == offsetof(s, f) + sizeof(void *), \
		  "the field " #f " is not a list of " #type))

#define B_FLAGS(...) (0 __VA_OPT__(| (__VA_ARGS__)))
#define B_ROW(k, name, at, ...) \
	{ .key = (name), .kind = (k), .offset = (at), .flags = B_FLAGS(__VA_ARGS__) }
#define B_NUMBER(k, name, at, low, high, ...) \
	{ .key = (name), .kind = (k), .offset = (at), .min = (low), .max = (high), \
	  .flags = B_FLAGS(__VA_ARGS__) }

#define B_END { .kind = BIND_END }
#define B_SET(s, f) { .kind = BIND_SET, .offset = B_FIELD(s, f, bool) }
#define B_LINE(s, f) { .kind = BIND_LINE, .offset = B_FIELD(s, f, unsigned) }
#define B_LINE_OF(s, f, name) \
	{ .kind = BIND_LINE_OF, .offset = B_FIELD(s, f, unsigned), .what = (name) }
#define B_CHECK(function) { .kind = BIND_CHECK, .check = (function) }

#define B_BOOL(s, f, name, ...) B_ROW(BIND_BOOL, name, B_FIELD(s, f, bool), __VA_ARGS__)
#define B_OPT_BOOL(s, f, name, ...) \
	B_ROW(BIND_OPT_BOOL, name, B_FIELD(s, f, struct opt_bool), __VA_ARGS__)
#define B_STR(s, f, name, ...) B_ROW(BIND_STR, name, B_FIELD(s, f, char *), __VA_ARGS__)
#define B_STRS(s, f, name, ...) \
	B_ROW(BIND_STRS, name, B_FIELD(s, f, struct str_list), __VA_ARGS__)
#define B_PAIRS(s, f, name, ...) \
	B_ROW(BIND_PAIRS, name, B_FIELD(s, f, struct pair_list), __VA_ARGS__)

/* Numbers: of the field's whole width, or between two bounds. */
#define B_I32_IN(s, f, name, low, high, ...) \
	B_NUMBER(BIND_I32, name, B_FIELD(s, f, int32_t), low, high, __VA_ARGS__)
#define B_I64_IN(s, f, name, low, high, ...) \
	B_NUMBER(BIND_I64, name, B_FIELD(s, f, int64_t), low, high, __VA_ARGS__)
#define B_I64(s, f, name, ...) B_I64_IN(s, f, name, INT64_MIN, INT64_MAX, __VA_ARGS__)
#define B_U32_IN(s, f, name, low, high, ...) \
	B_NUMBER(BIND_U32, name, B_FIELD(s, f, uint32_t), low, high, __VA_ARGS__)
#define B_U32(s, f, name, ...) B_U32_IN(s, f, name, 0, UINT32_MAX, __VA_ARGS__)
#define B_U64_IN(s, f, name, low, high, ...) \
	B_NUMBER(BIND_U64, name, B_FIELD(s, f, uint64_t), low, high, __VA_ARGS__)
#define B_U64(s, f, name, ...) B_U64_IN(s, f, name, 0, UINT64_MAX, __VA_ARGS__)
#define B_OPT_I64_IN(s, f, name, low, high, ...) \
	B_NUMBER(BIND_OPT_I64, name, B_FIELD(s, f, struct opt_i64), low, high, __VA_ARGS__)
#define B_OPT_I64(s, f, name, ...) B_OPT_I64_IN(s, f, name, INT64_MIN, INT64_MAX, __VA_ARGS__)
#define B_OPT_U32_IN(s, f, name, low, high, ...) \
	B_NUMBER(BIND_OPT_U32, name, B_FIELD(s, f, struct opt_u32), low, high, __VA_ARGS__)
#define B_OPT_U32(s, f, name, ...) B_OPT_U32_IN(s, f, name, 0, UINT32_MAX, __VA_ARGS__)
#define B_OPT_U64_IN(s, f, name, low, high, ...) \
	B_NUMBER(BIND_OPT_U64, name, B_FIELD(s, f, struct opt_u64), low, high, __VA_ARGS__)
#define B_OPT_U64(s, f, name, ...) B_OPT_U64_IN(s, f, name, 0, UINT64_MAX, __VA_ARGS__)
#define B_U32S_IN(s, f, name, low, high, ...) \
	{ .key = (name), .kind = BIND_U32S, .offset = B_LIST_FIELD(s, f, uint32_t), \
	  .size = sizeof(uint32_t), .min = (low), .max = (high), .flags = B_FLAGS(__VA_ARGS__) }

/* Words: `type` is the field's own type, an enum or int of 32 bits. */
#define B_WORD(s, f, name, type, table_of, subject, ...) \
	{ .key = (name), .kind = BIND_WORD, .words = (table_of), .what = (subject), \
	  .offset = B_FIELD(s, f, type) + \
		    B_ASSERT(sizeof(type) == 4, "a word is stored in 32 bits"), \
	  .flags = B_FLAGS(__VA_ARGS__) }
/* The union of the words; `type` is uint32_t or uint64_t. */
#define B_WORDS(s, f, name, type, table_of, subject, ...) \
	{ .key = (name), .kind = BIND_WORDS, .words = (table_of), .what = (subject), \
	  .offset = B_FIELD(s, f, type), .size = sizeof(type), .flags = B_FLAGS(__VA_ARGS__) }
#define B_WORD_LIST(s, f, name, table_of, subject, ...) \
	{ .key = (name), .kind = BIND_WORD_LIST, .words = (table_of), .what = (subject), \
	  .offset = B_LIST_FIELD(s, f, uint32_t), .size = sizeof(uint32_t), \
	  .flags = B_FLAGS(__VA_ARGS__) }

#define B_OBJECT(s, f, name, type, rows, ...) \
	{ .key = (name), .kind = BIND_OBJECT, .table = (rows), \
	  .offset = B_FIELD(s, f, type), .flags = B_FLAGS(__VA_ARGS__) }
/* An object whose members are fields of the same struct as the row's. */
#define B_PART(name, rows) { .key = (name), .kind = BIND_OBJECT, .table = (rows) }
#define B_LIST(s, f, name, type, rows, ...) \
	{ .key = (name), .kind = BIND_LIST, .table = (rows), .size = sizeof(type), \
	  .offset = B_LIST_FIELD(s, f, type), .flags = B_FLAGS(__VA_ARGS__) }
/* The first field of `type` has to be the `char *` that receives the member's name. */
#define B_MAP(s, f, name, type, key_field, rows, ...) \
	{ .key = (name), .kind = BIND_MAP, .table = (rows), .size = sizeof(type), \
	  .offset = B_LIST_FIELD(s, f, type) + B_FIELD(type, key_field, char *) + \
		    B_ASSERT(offsetof(type, key_field) == 0, "the name is not the first field"), \
	  .flags = B_FLAGS(__VA_ARGS__) }
#define B_CUSTOM(s, f, name, type, function, ...) \
	{ .key = (name), .kind = BIND_CUSTOM, .read = (function), \
	  .offset = B_FIELD(s, f, type), .flags = B_FLAGS(__VA_ARGS__) }
#define B_REFUSED(name, reason) { .key = (name), .kind = BIND_REFUSED, .why = (reason) }
#define B_REFUSE_UNKNOWN(subject) { .kind = BIND_REFUSE_UNKNOWN, .what = (subject) }
