/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence: what a container is and does at one moment, kept so that it can be looked at and
 * trusted afterwards. Nothing is run or injected in the container; it stands still meanwhile.
 *
 * A set of evidence is a directory, or a tar of the same files, in the order in which they were
 * taken: what fades first comes first. manifest.json names every file with its SHA-256 and ends
 * with the root of a Merkle tree over them; manifest.sha256 is the digest of manifest.json.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

enum evidence_memory {
	EVIDENCE_MEMORY_ALL,	/* every page that is present */
	EVIDENCE_MEMORY_ANON,	/* without pages that are those of a file */
	EVIDENCE_MEMORY_NONE,
};

/* What criu calls its log in the directory of an evidence_dump. */
#define EVIDENCE_CRIU_LOG "dump.log"

/* Images that somebody who can talk to criu writes of a container that is kept frozen. */
struct evidence_dump {
	int directory;			/* empty and 0700: for the images and the log */
	int wait_ms;			/* for whoever else is at the container */
	bool (*over)(void *argument);	/* asked now and then: true, it has to come to an end */
	void (*note)(void *argument, const char *text);	/* hears what is not in them */
	void *argument;
};

typedef int evidence_dumper(const void *context, const char *id, const struct evidence_dump *dump,
			    struct err *e);

struct evidence_options {
	const char *output;		/* a directory to make, a name ending in ".tar", or "-" */
	enum evidence_memory memory;
	bool upper;			/* the changed files of the root and temporary file systems */
	bool queues;			/* what stands unread and unsent in sockets */
	unsigned budget_ms;		/* 0: as long as it takes */
	const char *trigger;		/* what asked: "kill", ...; NULL: the command */
	/*
	 * Called last of all, in a process of its own, for images of criu beside the rest; NULL:
	 * not wanted. Guard knows no configuration, without which criu cannot be told of mounts.
	 */
	evidence_dumper *dump;
	const void *context;
	/* Told now and then how far it is; NULL: not wanted. */
	void (*progress)(const char *stage, uint64_t bytes);
};

struct evidence_result {
	char root[65];			/* of the Merkle tree, in hexadecimal */
	uint64_t files, bytes, problems;
	const char *stopped;		/* why not everything could be taken, or NULL */
	const char *no_images;		/* why criu's, which were wanted, are not there; or NULL */
	uint64_t held_us;		/* how long we kept the container frozen */
	bool held;			/* it was frozen by us */
	bool logged;			/* the audit log has it */
	bool still;			/* every process was frozen while it was looked at */
};

/* Conditions: the set is valid and not everything is in it; the set is not what it was. */
enum { EVIDENCE_PARTIAL = 1, EVIDENCE_DIFFERS = 1 };

/*
 * Takes evidence of a container and leaves it frozen or running as it was. 0; EVIDENCE_PARTIAL
 * when the budget, the disk or a signal ended it early, or criu did not do its part; -1 when there
 * is no valid set. SIGINT, SIGTERM and SIGHUP end it as the budget does. Strings of *ret are the
 * arena's or constant.
 */
int evidence_take(const char *state_root, const char *id, const struct evidence_options *options,
		  struct arena *a, struct evidence_result *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Removing sets that were made by themselves (before a kill, at an alarm, by a key of update):
 * those of a directory that are older than this. Routine ones are of containers that were neither
 * held nor alarmed about.
 */
struct evidence_prune {
	const char *directory;
	uint64_t older_than_s;
	bool routine, dry_run;		/* only those; only say which */
};

struct evidence_pruned {
	const char *name, *root;	/* in the directory; of the Merkle tree */
	uint64_t bytes;
	bool routine;
};

struct evidence_pruned_list {
	struct evidence_pruned *items;
	size_t count, kept;
};

/* Each has its line in the audit log before it goes. -1 at the first that cannot be removed. */
int evidence_prune(const char *state_root, const struct evidence_prune *wish, struct arena *a,
		   struct evidence_pruned_list *ret, struct err *e)
	__attribute__((warn_unused_result));

struct evidence_check {
	char root[65];
	uint64_t files, bytes;
	struct str_list differences;	/* the first of them: "path: what is wrong" */
	uint64_t more;			/* differences beyond those */
};

/* Reads a set, directory or tar, and computes everything anew. 0; EVIDENCE_DIFFERS; -1. */
int evidence_verify(const char *path, struct arena *a, struct evidence_check *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * The set in a directory as one HTML page that needs no script and no network; the text is the
 * arena's. Says on the page whether the set verifies. NULL and *e.
 */
const char *evidence_report(const char *directory, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
