/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log of one root: a line of JSON for each operation that holds, looks at, lets go or
 * ends a container, or tries to. Each line carries the SHA-256 of the one before, so that a line
 * that was changed, removed or put in between is noticed by whoever computes them anew; the file
 * "head" names the last one. Whoever can write the files can compute them anew as well: against that
 * the head has to be kept elsewhere.
 *
 * <root>/.audit/log is the newest file, log.1 the one before and so on; the chain goes through
 * all of them. flock on the directory serialises writers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

/* One more member of a line; without a value it is left out. */
struct audit_member {
	const char *name, *value;
};

enum { AUDIT_MEMBERS = 6 };

struct audit_entry {
	const char *operation;		/* "quarantine", "kill", "hook", ... */
	const char *id;			/* the container, or NULL */
	const char *result;		/* one word: "done", "refused", "contained", ... */
	const char *detail;		/* why, in a sentence; or NULL */
	const char *caller;		/* what audit_caller gave; NULL: our own caller */
	struct audit_member more[AUDIT_MEMBERS];	/* what else is known of it */
};

/*
 * Adds a line; nothing is made where the root does not exist. 0 when it is in the log; -1 when it
 * is not (a full disk, a writer that hangs): the operation it is about is done all the same, and
 * the caller should say that nobody will read of it.
 */
int audit_write(const char *root, const struct audit_entry *entry, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Who asks, as a JSON object: for a process that writes on behalf of another one, its maker. What
 * cannot be found out is left out.
 */
const char *audit_caller(pid_t pid, pid_t parent, struct arena *a);

struct audit_check {
	uint64_t lines, first, last;	/* how many, and the numbers of the first and the last */
	char head[65];			/* the digest of the last line, or "" without any */
	struct str_list breaks;		/* "log:3: what is wrong", the first of them */
	uint64_t more;			/* breaks beyond those */
	bool rotated;			/* the lines before `first` are not there any more */
};

/* A condition of audit_verify: the log is not what was written. */
enum { AUDIT_BROKEN = 1 };

/*
 * Computes the whole chain anew. `head`, when it is not NULL, is a digest that was kept elsewhere:
 * its line has to be there. 0; AUDIT_BROKEN; -1 when it cannot be read.
 */
int audit_verify(const char *root, const char *head, struct arena *a, struct audit_check *ret,
		 struct err *e) __attribute__((warn_unused_result));

struct audit_line {
	char *operation, *id, *result, *detail, *time;
	uint64_t number;
	uint32_t uid;
	char *login_uid, *parent;	/* as far as known, or NULL */
	const char *text;		/* the line itself, terminated */
};

/* Reads all lines that can be read, oldest first, only those about `id` when it is given. */
int audit_each(const char *root, const char *id,
	       int (*each)(void *argument, const struct audit_line *line, struct err *e),
	       void *argument, struct err *e) __attribute__((warn_unused_result));
