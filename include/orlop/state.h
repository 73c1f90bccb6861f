/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on disk for each container, and what its status is.
 *
 * <root>/<id>/ (0711) holds
 *   cgroup       one line, the planned cgroup below the cgroup2 mount: written before the cgroup
 *                is made, so that `delete --force` finds it whatever happened afterwards
 *   config.json  the configuration as it was at create; later edits of the bundle have no effect
 *   state.json   the record; written when the container is complete, replaced atomically
 *   start.sock   where the waiting process listens for `start`; the process alone holds the
 *                listening end and loses it by exec, so connecting tells "created" from "running"
 *   seccomp.bpf  the compiled filter, for exec (only when there is one)
 * mkdir of the directory decides who creates; flock on it serialises operations on one container.
 * Files are 0600. Names beginning with '.' below <root> are ours (the filter cache).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/oci_config.h"

enum state_status {
	STATE_CREATING,		/* no record yet, or none any more */
	STATE_CREATED,
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_STOPPED,
	STATE_STATUS_COUNT_
};

/* The record, state.json. */
struct state_record {
	unsigned version;		/* of this layout; 1 */
	const char *id, *oci_version, *bundle, *rootfs;
	const char *created;		/* RFC 3339 with nanoseconds, UTC */
	uint32_t owner;			/* uid that created it */
	pid_t pid;			/* the container's first process, in the creator's pid namespace */
	uint64_t pid_start;		/* its start time in clock ticks, /proc/PID/stat field 22 */
	const char *boot_id;
	const char *cgroup;		/* below the cgroup2 mount; "" when there is none */
	const char *cgroup_mount;
	const char *cgroup_driver;	/* "cgroupfs", "systemd", "disabled" */
	uint32_t ns_new;		/* CLONE_NEW* made for it */
	uint32_t ns_joined;		/* CLONE_NEW* joined by path */
	bool poststart, poststop;	/* such hooks are in config.json */
	bool seccomp;			/* seccomp.bpf is there */
	struct pair_list annotations;
};

enum { STATE_ABSENT = 1, STATE_EXISTS = 2, STATE_BUSY = 3 };

/* False when `id` may not name a container: [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 1024. */
bool state_id_valid(const char *id);

/*
 * Opens the directory of all containers, making it (0700) when `make` is set. Returns a
 * descriptor; refuses one that others may write to. STATE_ABSENT cannot be returned (it would be
 * a descriptor): an absent directory without `make` is an ERR_SYSTEM error with code ENOENT.
 */
int state_open_root(const char *path, bool make, struct err *e)
	__attribute__((warn_unused_result));

/* Makes a container's directory, locked. 0 and *ret_fd; STATE_EXISTS; -1. */
int state_claim(int root, const char *id, int *ret_fd, struct err *e)
	__attribute__((warn_unused_result));

/* Opens a container's directory. 0 and *ret_fd; STATE_ABSENT; -1. */
int state_open(int root, const char *id, int *ret_fd, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Takes the container's lock, waiting at most timeout_ms (-1: as long as it takes, 0: not at all).
 * 0; STATE_BUSY; -1. STATE_ABSENT when the directory was deleted meanwhile. Closing the descriptor
 * releases it.
 */
int state_lock(int dir, int timeout_ms, struct err *e) __attribute__((warn_unused_result));

/* Writes the planned cgroup ("" when none) before it is made. */
int state_write_cgroup(int dir, const char *mount, const char *path, struct err *e)
	__attribute__((warn_unused_result));

/* Reads it back. 0 with both in the arena; STATE_ABSENT when there is no such file; -1. */
int state_read_cgroup(int dir, struct arena *a, const char **ret_mount, const char **ret_path,
		      struct err *e) __attribute__((warn_unused_result));

/* Writes the record (temporary file and rename). */
int state_store(int dir, const struct state_record *record, struct err *e)
	__attribute__((warn_unused_result));

/* Reads the record. 0; STATE_ABSENT when there is none; -1 when it cannot be believed. */
int state_load(int dir, struct arena *a, struct state_record *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * What the container is doing now, asked of the kernel: the process by pid, start time and boot,
 * the listening socket for "created", cgroup.events for "paused". When *ret_pidfd is wanted and
 * the process lives it is a descriptor for it, otherwise -1. Never waits.
 */
int state_status(int dir, const struct state_record *record, enum state_status *ret,
		 int *ret_pidfd, struct err *e) __attribute__((warn_unused_result));

/* "creating", "created", "running", "paused", "stopped". */
const char *state_status_word(enum state_status status);

/* Removes the container's directory and everything in it; an absent one is success. */
int state_remove(int root, const char *id, struct err *e) __attribute__((warn_unused_result));

/* Lists the ids below the root, sorted. */
int state_list(int root, struct arena *a, struct str_list *ret, struct err *e)
	__attribute__((warn_unused_result));
