/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounts of a process, as /proc/PID/mountinfo lists them.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"

struct mountinfo {
	unsigned id;
	dev_t dev;			/* of the file system */
	char path[PATH_MAX];		/* the mount point, as the process sees it */
};

/* The whole list, in the arena; of process 0: of this one. NULL and *e. */
const char *mountinfo_read(pid_t pid, struct arena *a, struct err *e);

/* Takes the line at `at` apart; returns where the next one begins, or NULL at the end. */
const char *mountinfo_next(const char *at, struct mountinfo *ret);
