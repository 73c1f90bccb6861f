/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a quarantine did so far, in the container's state directory: one JSON object on each line
 * of the file "quarantine", written before what it is about is done. Lines are only ever added; a
 * last one without its newline is what a crash left and counts as never written. The file goes
 * when the container was released completely.
 *
 * The file's flock serialises pause, resume, quarantine and release. It is held for moments.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/guard.h"
#include "orlop/value.h"

#define JOURNAL_FILE "quarantine"

enum journal_phase {
	JOURNAL_NONE,		/* nothing is held */
	JOURNAL_BEGUN,		/* a quarantine began and did not say that it ended */
	JOURNAL_ENDED,		/* it ended; `result` says how */
	JOURNAL_RELEASING,	/* a release began */
};

struct journal {
	int dir, fd;			/* fd -1: nothing can be written (a full disk) */
	bool locked;
	enum journal_phase phase;
	bool observe, was_frozen;	/* the latest mode; whether it was paused at first */
	const char *result, *since, *reason;	/* of the latest; since: the first's */
	bool programs;			/* some were attached to the cgroup, or may have been */
	uint64_t netns;			/* inode of the network namespace that is cut as well; 0 */
	const char *evidence;		/* the latest set that was taken since, or NULL */
	bool settled;			/* it shows what there still is: nobody has moved since */
	struct pair_list saved;		/* a limit's file, and its text before the first change */
};

#define JOURNAL_CLOSED ((struct journal){ .dir = -1, .fd = -1 })

enum { JOURNAL_BUSY = 1 };

/*
 * Opens (making it) and locks the journal, waiting at most timeout_ms, and reads it. 0 with what
 * it says; where it cannot be made, fd is -1 and nothing is held. JOURNAL_BUSY; -1. `dir` stays
 * the caller's.
 */
int journal_open(int dir, const char *id, int timeout_ms, struct arena *a, struct journal *ret,
		 struct err *e) __attribute__((warn_unused_result));

/* Gives the lock back; a journal in which nothing was ever written goes. */
void journal_close(struct journal *j);

#define auto_journal __attribute__((cleanup(journal_close))) struct journal

/* Reads without a lock and without making it, for whoever only wants to know. 0 or -1. */
int journal_peek(int dir, const char *id, struct arena *a, struct journal *ret, struct err *e)
	__attribute__((warn_unused_result));

/* Each adds a line and tells the struct the same; -1 and *e when it could not be written. */
int journal_begin(struct journal *j, const char *id, const struct guard_request *request,
		  bool was_frozen, const char *time, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
int journal_save(struct journal *j, const char *file, const char *value, struct arena *a,
		 struct err *e) __attribute__((warn_unused_result));
int journal_programs(struct journal *j, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));	/* once */
int journal_netns(struct journal *j, uint64_t inode, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
int journal_end(struct journal *j, const char *result, const char *time, struct arena *a,
		struct err *e) __attribute__((warn_unused_result));
int journal_release(struct journal *j, const char *time, const char *reason, struct arena *a,
		    struct err *e) __attribute__((warn_unused_result));

int journal_hook(struct journal *j, const char *moment, const char *path, const char *result,
		 const char *time, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
/* `still`: everybody stood still while it was taken. */
int journal_evidence(struct journal *j, const char *set, bool still, const char *time,
		     struct arena *a, struct err *e) __attribute__((warn_unused_result));

/* The value that was saved for a file, or NULL. */
const char *journal_saved(const struct journal *j, const char *file);

/* Takes the file away, still locked: from here on nothing is held. */
int journal_remove(struct journal *j, struct err *e) __attribute__((warn_unused_result));

/* PURE. What the lines say about the container `id` in the boot `boot`; -1 for what is no line. */
int journal_read(const char *text, size_t len, const char *id, const char *boot, struct arena *a,
		 struct journal *ret, struct err *e) __attribute__((warn_unused_result));
