/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Where evidence goes: a directory or a tar, each file hashed on its way and put into
 * the manifest. It knows when to stop: when the time is over, when the disk would get too full,
 * when somebody pressed ^C. It knows nothing of containers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "base/text.h"
#include "guard/hasher.h"
#include "guard/manifest.h"
#include "orlop/arena.h"
#include "orlop/err.h"

enum { SINK_STOPPED = 1, SINK_CHUNK = HASHER_CHUNK };

struct sink {
	int fd;				/* the directory, or the tar */
	bool tar, seekable;
	const char *name;		/* for messages */
	struct arena *arena;
	struct manifest *manifest;
	const char *stopped;		/* why it ends early, or NULL */
	int64_t end_ms;			/* of CLOCK_MONOTONIC; 0: none */
	uint64_t room;			/* bytes until the disk is asked again */
	bool bounded;			/* there is a disk to fill */
	bool last_words;		/* what is written now is about the set: never stopped */
	uint64_t bytes, told;		/* in all; when progress was told last */
	int64_t told_ms;
	const char *stage;
	void (*progress)(const char *stage, uint64_t bytes);
	/* The file that is being written. */
	struct manifest_row row;
	int file;
	uint64_t written, header_at, at;
	struct sha256 sum;
	/* Big files are hashed beside the reading and writing. */
	struct hasher *hasher;
};

#define SINK_NONE ((struct sink){ .fd = -1, .file = -1 })

/*
 * Makes the directory (0700; it may exist when it is empty and ours), or the tar (0600; must not
 * exist), or takes standard output for "-". Refuses a disk that is nearly full.
 */
int sink_open(struct sink *s, const char *output, struct err *e)
	__attribute__((warn_unused_result));

/* Stops the hashing thread and closes. Accepts SINK_NONE. */
void sink_close(struct sink *s);

#define auto_sink __attribute__((cleanup(sink_close))) struct sink

/* A whole file that is in memory. 0; SINK_STOPPED; -1 when nothing more can be written. */
int sink_put(struct sink *s, const char *path, const void *bytes, size_t len, uint64_t began,
	     const char *consistency, const char *source, struct err *e)
	__attribute__((warn_unused_result));

/* Begins a file of `size` bytes. As sink_put. */
int sink_begin(struct sink *s, const char *path, uint64_t size, const char *consistency,
	       const char *source, struct err *e) __attribute__((warn_unused_result));

/* One of two buffers of SINK_CHUNK bytes, by turns: the other may still be in use. */
void *sink_buffer(struct sink *s);

/* The next bytes of the file that was begun, which stay as they are until the next call. */
int sink_write(struct sink *s, const void *bytes, size_t len, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Ends the file. What was promised and not written is missing, and said to be: it is filled with
 * zeros in a stream, and cut off otherwise. `error` is what was wrong with it, or NULL.
 */
int sink_end(struct sink *s, const char *error, struct err *e)
	__attribute__((warn_unused_result));

/*
 * A whole file `name` of the directory `dir`, which somebody else has written: it becomes `path`
 * in a directory, where `dir` has to be on the same disk, and is copied into a tar. As sink_put;
 * what the time does not suffice for is cut off in a directory as well.
 */
int sink_take(struct sink *s, int dir, const char *name, const char *path, const char *consistency,
	      const char *source, const char *error, struct err *e)
	__attribute__((warn_unused_result));

/* As sink_take, but copied in any case: of what others may still have open, and write to. */
int sink_copy(struct sink *s, int dir, const char *name, const char *path, const char *consistency,
	      const char *source, const char *error, struct err *e)
	__attribute__((warn_unused_result));

/* True, with the reason in s->stopped, when it is time to stop. */
bool sink_is_over(struct sink *s);

/* While somebody else writes: tells of progress, and gives the reason to stop, or NULL. */
const char *sink_wait(struct sink *s);

/* The manifest, its digest, and the end of the tar. Reaches the disk before it returns. */
int sink_finish(struct sink *s, struct err *e) __attribute__((warn_unused_result));

/* Nanoseconds of a clock. */
uint64_t sink_now(int clock);

/* What a SIGINT, SIGTERM or SIGHUP does: everything from here on stops. Async-signal-safe. */
void sink_interrupt(int signal);

/* Appends what stands before a file of a set in its tar. PURE. */
void sink_head(struct text *t, const char *path, uint64_t size, uint64_t began);
