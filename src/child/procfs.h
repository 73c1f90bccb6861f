/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. A procfs instance of our own, attached nowhere: what the container mounted on /proc
 * cannot redirect a write that goes through it (CVE-2019-16884, CVE-2025-52881).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes one for the pid namespace we are in; `processes_only` leaves out /proc/sys and everything
 * else that is not a process (subset=pid, Linux 5.8). A descriptor or a negative errno.
 */
int procfs_open(bool processes_only);

/*
 * Before pivot_root: as procfs_open, or the caller's, which is still at /proc, where the kernel
 * makes none: in a user namespace, for a pid namespace that is not below it. Parameters, and
 * "self", are those of who opens them in either.
 */
int procfs_open_early(bool processes_only);

/* Writes text to a file of it, without links on the way, and closes it. 0 or a negative errno. */
int procfs_write(int procfs, const char *path, const char *text);

/* Reads a small file, terminated. Its length or a negative errno. */
long procfs_read(int procfs, const char *path, char *text, size_t room);

/* 0 when there is such a file, or a negative errno. */
int procfs_exists(int procfs, const char *path);
