/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. One directory of the cgroup tree, by descriptor. A path is resolved once, from the
 * mount downwards; after that there are only descriptors and single names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/err.h"

/* Opens the mount and checks that it is one of cgroup2; a descriptor or -1. */
int cgroup_dir_mount(const char *mount, struct err *e) __attribute__((warn_unused_result));

/*
 * Opens the directory `path` beneath `dir`; "" is dir itself. No symbolic links, no other mounts.
 * A descriptor, or -1 and errno.
 */
int cgroup_dir_open(int dir, const char *path) __attribute__((warn_unused_result));

/*
 * Makes the last directory of the path and opens it; or -1, and nothing was made: it is there, what
 * is above it is not, or this is no such file system. Three calls where a walk takes seven.
 */
int cgroup_dir_make(const char *mount, const char *path) __attribute__((warn_unused_result));

/* Removes the group; false when it could not be, for whatever reason. */
bool cgroup_dir_remove(const char *mount, const char *path);

/* Opens the directory above, or -1 and errno; ENOENT where that is not a cgroup any more. */
int cgroup_dir_above(int dir) __attribute__((warn_unused_result));

/*
 * Calls `each` for every group directly below, which may remove it. A value that is not 0 ends the
 * walk and is returned; 0 after all; -1 and errno when the directory cannot be read.
 */
int cgroup_dir_each(int dir, int (*each)(int dir, const char *name, void *argument),
		    void *argument) __attribute__((warn_unused_result));

struct cgroup_events {
	bool populated, frozen;
};

/* Reads cgroup.events. 0; CGROUP_ABSENT when the group is gone; -1 and errno. */
int cgroup_events_get(int group, struct cgroup_events *ret) __attribute__((warn_unused_result));

enum cgroup_event { CGROUP_EVENT_POPULATED, CGROUP_EVENT_FROZEN };

/*
 * Waits until cgroup.events has `event` as `want`, at the longest until `end` (fd_now_ms). 0;
 * CGROUP_TIMED_OUT; CGROUP_ABSENT when the group is gone; -1 and errno.
 */
int cgroup_events_wait(int group, enum cgroup_event event, bool want, int64_t end)
	__attribute__((warn_unused_result));

/* Whether `list`, words between spaces, has `word`. */
bool cgroup_words_have(const char *list, const char *word);
