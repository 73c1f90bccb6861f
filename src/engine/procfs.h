/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A procfs instance of our own, attached nowhere (fsopen, subset=pid, Linux 5.8), for
 * everything that is written to or read back from a process's entries. Where making one is not
 * allowed (no CAP_SYS_ADMIN), /proc is used after a check that it is a procfs and its root.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "orlop/err.h"

/*
 * Opens it. Returns a directory descriptor or -1. It costs more than a file's read, so it is opened
 * only when something is to be written; reading also works with -1, through the host's /proc.
 */
int procfs_open(struct err *e) __attribute__((warn_unused_result));

/* Writes one file of a process, as "uid_map". */
int procfs_write(int procfs, pid_t pid, const char *name, const char *text, struct err *e)
	__attribute__((warn_unused_result));

/* Reads one file of a process; returns its length (size - 1 at most), terminated, or -1. */
ssize_t procfs_read(int procfs, pid_t pid, const char *name, char *bytes, size_t size,
		    struct err *e) __attribute__((warn_unused_result));

/* Whether a process is another's, or a child of its, or a child of one of these. */
bool procfs_descends(pid_t pid, pid_t from);

/* Opens a namespace of a process, as "net": a descriptor or -1. */
int procfs_open_ns(int procfs, pid_t pid, const char *kind, struct err *e)
	__attribute__((warn_unused_result));
