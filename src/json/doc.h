/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON text as a read-only tree in which every value knows its line and its place. PURE.
 *
 * Strict, because a sandbox has to read what its caller wrote and nothing else. Refused: members
 * of the same name in one object, NUL (also as \u0000), anything that is not UTF-8, a byte order
 * mark, half a surrogate pair, comments, anything after the document, more than DOC_DEPTH_MAX
 * levels, DOC_SIZE_MAX bytes or DOC_VALUES_MAX values. Numbers stay text until somebody asks for
 * one with its width, so none ever passes through a double.
 *
 * It does not know what any document means.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"

enum {
	DOC_DEPTH_MAX = 64,
	DOC_SIZE_MAX = 16 * 1024 * 1024,
	DOC_VALUES_MAX = 1000000,	/* 48 MB of nodes */
};

enum node_type {
	NODE_NULL,
	NODE_BOOL,
	NODE_NUMBER,
	NODE_STRING,
	NODE_ARRAY,
	NODE_OBJECT,
	NODE_TYPE_COUNT_
};

struct node {
	enum node_type type;
	unsigned line;		/* on which the value begins */
	unsigned len;		/* bytes of a string or number; children of an array or object */
	unsigned key_len;
	const char *key;	/* the member's name, or NULL in an array and at the root */
	union {
		char *text;		/* a string without its quotes, a number as written */
		struct node *first;	/* child of an array or object */
		bool truth;
	};
	struct node *parent, *next;
};

struct doc {
	const char *name;	/* what messages call it; borrowed */
	struct node *root;
	struct arena nodes;	/* the tree and the names of its members */
};

#define DOC_NONE ((struct doc){ 0 })

/*
 * Reads a text. The tree lives until doc_done; the contents of strings are in `strings` and stay.
 * On an error nothing is left to release, and the message has the line and the member path.
 */
int doc_read(const char *name, const char *text, size_t len, struct arena *strings,
	     struct doc *ret, struct err *e) __attribute__((warn_unused_result));

/* Frees the tree. Accepts DOC_NONE and what a failed doc_read left. */
void doc_done(struct doc *d);

#define auto_doc __attribute__((cleanup(doc_done))) struct doc

/* The member of an object with that name, or NULL when it is absent, null, or n no object. */
const struct node *doc_find(const struct node *n, const char *key);

/* The index-th child, which has to exist. */
const struct node *doc_at(const struct node *n, size_t index);

/* Reports "<name>:<line>: <member path>: <format>" under ERR_CONFIG, and returns -1. */
int doc_err(const struct doc *d, const struct node *n, struct err *e, const char *format, ...)
	__attribute__((format(printf, 4, 5), cold));

/* Puts "<name>:<line>: <member path of n>" in front of an error; n may be NULL. Returns -1. */
int doc_err_in(const char *name, unsigned line, const struct node *n, struct err *e)
	__attribute__((cold));

/* Reports that the value is not what was expected ("a number", "an object"), and returns -1. */
int doc_err_type(const struct doc *d, const struct node *n, struct err *e, const char *expected)
	__attribute__((cold));

/*
 * Reads a whole number between min and max, exactly. 1.0 and 1e3 are not whole numbers here, -0
 * is 0. The message for one outside the range names the range.
 */
int doc_i64(const struct doc *d, const struct node *n, int64_t min, int64_t max, int64_t *ret,
	    struct err *e) __attribute__((warn_unused_result));
int doc_u64(const struct doc *d, const struct node *n, uint64_t min, uint64_t max, uint64_t *ret,
	    struct err *e) __attribute__((warn_unused_result));
