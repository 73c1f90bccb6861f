/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files relative to a directory descriptor: those of /proc, /sys and the cgroup tree, and
 * our own. Names never leave the directory: they are opened beneath it, without symbolic links.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "orlop/arena.h"

/* Opens a file beneath `dir` (O_CLOEXEC added); a symbolic link on the way is ELOOP. */
int file_open(int dir, const char *name, int flags) __attribute__((warn_unused_result));

/* Writes the text with one write(2), as kernel files want it; -1 and errno. */
int file_write(int dir, const char *name, const char *text) __attribute__((warn_unused_result));

/*
 * Reads at most size - 1 bytes, terminates them and takes a last newline off. Returns the length,
 * or -1 and errno.
 */
ssize_t file_read(int dir, const char *name, char *bytes, size_t size)
	__attribute__((warn_unused_result));

/* As file_read, of an open descriptor that nothing was read from. */
ssize_t file_read_fd(int fd, char *bytes, size_t size) __attribute__((warn_unused_result));

/*
 * Reads a whole file given by an ordinary path, `max` bytes at most, into the arena. Anything but
 * a regular file is refused (EINVAL; EISDIR for a directory) and a FIFO never waited for. NULL and
 * errno on failure.
 */
char *file_read_path(const char *path, size_t max, struct arena *a, size_t *ret_len)
	__attribute__((warn_unused_result));

/* As file_read_path, of whatever is to be read to its end: <(...) of a shell is a FIFO. */
char *file_read_stream(const char *path, size_t max, struct arena *a, size_t *ret_len)
	__attribute__((warn_unused_result));

/* Makes a new file, 0600; one that is there is EEXIST. What a crash leaves may be incomplete. */
int file_create(int dir, const char *name, const void *bytes, size_t len)
	__attribute__((warn_unused_result));

/*
 * Replaces a file, in two halves: the first writes a temporary one beside it, 0600, which the second
 * renames over it. -1 and errno; the temporary one is gone then.
 */
int file_draft(int dir, const char *name, const void *bytes, size_t len)
	__attribute__((warn_unused_result));
int file_publish(int dir, const char *name) __attribute__((warn_unused_result));

/* Both halves. */
int file_replace(int dir, const char *name, const void *bytes, size_t len)
	__attribute__((warn_unused_result));
