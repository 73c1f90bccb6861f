/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of a set of evidence: every file in the order in which it was taken, and the root
 * of a Merkle tree over them. PURE.
 *
 * Leaves are SHA-256 of a zero byte and the fields of a row, each ended by NUL, the first leaf
 * those of the set itself; an inner node is SHA-256 of a one byte and its two children; what has
 * no neighbour goes up as it is (RFC 6962 in other words). So the root fixes contents, order,
 * times, classes and errors.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/sha256.h"
#include "orlop/arena.h"
#include "orlop/err.h"

struct manifest_row {
	const char *path;		/* below the set, without "." and ".." */
	uint64_t size;
	uint32_t mode;
	const char *sha256;		/* hexadecimal */
	uint64_t began, ended;		/* nanoseconds of the real time clock */
	const char *consistency;	/* see orlop-evidence(8) */
	const char *source;		/* where it was read */
	const char *error;		/* what is wrong with it, or NULL */
	uint64_t missing;		/* bytes of the end that could not be taken */
};

struct manifest {
	const char *id, *tool;
	struct {
		struct manifest_row *items;
		size_t count;
	} rows;
	size_t room;
	const char *root;		/* as it was read from a document */
};

/* Appends a row, which is copied; its strings are not. */
void manifest_add(struct manifest *m, struct arena *a, const struct manifest_row *row);

/* The root of the tree over what is in it now. */
void manifest_root(const struct manifest *m, struct arena *a, char ret[SHA256_HEX_SIZE]);

/* The document, with the root, ended by a newline. */
const char *manifest_text(const struct manifest *m, struct arena *a);

/* Reads a document. Refuses paths that lead out of the set. */
int manifest_read(const char *text, size_t len, struct arena *a, struct manifest *ret,
		  struct err *e) __attribute__((warn_unused_result));

/* The row of that path, or NULL. */
const struct manifest_row *manifest_find(const struct manifest *m, const char *path);
