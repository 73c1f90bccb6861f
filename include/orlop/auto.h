/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Release at the end of a scope, and the move that prevents it. A variable declared with one of
 * these is initialised in the same statement; functions that use them have no goto.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Closes a descriptor that is not negative, keeps errno, and leaves -1 behind. */
static inline void auto_close_fd(int *fd)
{
	if (*fd >= 0) {
		int keep = errno;

		close(*fd);
		errno = keep;
		*fd = -1;
	}
}

static inline void auto_free_ptr(void *p)
{
	int keep = errno;

	free(*(void **)p);
	errno = keep;
}

static inline void auto_close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* unused: a variable that is only there to be released is no mistake (clang). */
#define auto_fd __attribute__((cleanup(auto_close_fd), unused))
#define auto_free __attribute__((cleanup(auto_free_ptr), unused))
#define auto_dir __attribute__((cleanup(auto_close_dir), unused))

/* Hands the descriptor over: the variable holds -1 afterwards and nothing is closed. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Hands the pointer over: the variable holds NULL afterwards and nothing is freed. */
#define take(pointer) \
	({ \
		typeof(pointer) *taken_from_ = &(pointer); \
		typeof(pointer) taken_ = *taken_from_; \
		*taken_from_ = NULL; \
		taken_; \
	})

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
