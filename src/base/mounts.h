/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's table of mounts, as /proc/PID/mountinfo tells it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

struct mount {
	long id;
	const char *device;		/* "major:minor" of the file system */
	const char *root;		/* which directory of the file system it shows */
	const char *point, *type;
	const char *options;		/* those of the file system */
	bool readonly;			/* the mount, or the file system below it */
};

struct mounts {
	struct mount *items;
	size_t count;
};

/* Reads a table, which is changed; NULL is an empty one. What is no line of one is left out. */
struct mounts mounts_read(char *text, struct arena *a);

/* Reads the table of a process; of 0: our own. 0 or -1. */
int mounts_of(pid_t pid, struct arena *a, struct mounts *ret, struct err *e)
	__attribute__((warn_unused_result));

/* The mount with that number, or NULL. */
const struct mount *mounts_find(const struct mounts *mounts, long id);

/* The topmost one at a place, or NULL. */
const struct mount *mounts_at(const struct mounts *mounts, const char *point);

/* The upper directory of an overlay as it was named when it was mounted, or NULL. */
const char *mounts_upper(const struct mount *overlay, struct arena *a);

/*
 * Fills *ret with the layers below the upper one, the topmost first, as they were named; without
 * those that are there for their data alone.
 */
void mounts_lowers(const struct mount *overlay, struct arena *a, struct str_list *ret);

/* True when a file system of this type answers by itself: not user space, not a network. */
bool mounts_is_local(const char *type);
