/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drift: which processes of a container run code that is not in its image, what lies in its
 * writable layer to be run, and where it listens. Nothing is run in the container, nothing of it is
 * stopped, and none of its file systems is asked; it may be frozen or running. It is a look at one
 * moment, and of what runs it sees machine code: what an interpreter was given to read is data to
 * the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

/* Where code is that is not in the image, and what else there is that the image did not bring. */
enum drift_kind {
	DRIFT_UPPER,		/* in the overlay's writable layer */
	DRIFT_CHANGED,		/* no overlay: its inode was changed after the container was made */
	DRIFT_DELETED,		/* its file has no name any more */
	DRIFT_MEMFD,		/* a program or a library in a file in memory, which never had one */
	DRIFT_TMPFS,		/* on a temporary file system */
	DRIFT_VOLUME,		/* on another mount that can be written to */
	DRIFT_OUTSIDE,		/* on a mount that the container does not have */
	DRIFT_SETUID,		/* in the writable layer, not run now: gives privileges */
	DRIFT_ANONYMOUS,	/* in memory, and no library: also what compilers at run time make */
	DRIFT_READONLY,		/* on another mount that is read-only: an engine's helper */
	DRIFT_CAPABLE,		/* the image's file, given capabilities as services are */
	DRIFT_EXECUTABLE,	/* in the writable layer, not run now: any other executable file */
	DRIFT_UNEXPOSED,	/* a listening socket at a port that the image does not name */
	DRIFT_LISTENER,		/* any other listening socket */
	DRIFT_KIND_COUNT_
};

struct drift_finding {
	pid_t pid;			/* 0: it is of no process, or of none that is known */
	const char *name;		/* of the process; its own choice */
	enum drift_kind kind;
	bool program;			/* what the process was started as, not a library */
	const char *path;		/* "" for memory without a file; who listens: its program */
	const char *detail;
	/* Of a listening socket. */
	bool drifted;			/* by a process that runs code which is not in the image */
	const char *protocol, *address;	/* "tcp", "udp"; NULL: it is no socket */
	uint16_t port;
};

struct drift {
	LIST_OF(struct drift_finding) findings;
	size_t more;			/* findings beyond those listed */
	size_t more_notes;		/* at most so many that are notes, beyond those listed */
	size_t processes;		/* that were looked at */
	struct str_list untold;		/* what could not be judged: "clean" is not known */
	struct str_list limits;		/* how it was judged where that matters */
};

enum drift_verdict { DRIFT_NONE, DRIFT_FOUND, DRIFT_UNKNOWN };

/*
 * True for what is drift; from DRIFT_ANONYMOUS on, which may be harmless, only when strict. A
 * listening socket counts when who listens has drifted, and is a note even when strict otherwise.
 */
bool drift_counts(const struct drift_finding *f, bool strict);

/* What it comes to; DRIFT_UNKNOWN: none was found, and not everything could be judged. */
enum drift_verdict drift_judge(const struct drift *d, bool strict);

/* The whole as a JSON document in the arena. */
const char *drift_json(const struct drift *d, const char *id, bool strict, struct arena *a);

/* "upper", "changed", "deleted", ... */
const char *drift_kind_word(enum drift_kind kind);

/* Looks at the container `id` below the directory `root`. -1: there is none, or it is stopped. */
int drift_find(const char *root, const char *id, struct arena *a, struct drift *ret,
	       struct err *e) __attribute__((warn_unused_result));
