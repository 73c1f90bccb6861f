/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container that exists: its directory, its record, and what it is doing, looked up the same
 * way by every operation. Its memory is the arena's.
 */
#pragma once

#include <stdbool.h>

#include "orlop/arena.h"
#include "orlop/life.h"
#include "orlop/state.h"

struct container {
	const char *id;
	const char *root_path;
	int root, dir;
	struct state_record record;
	enum state_status status;
	int pidfd;		/* of the first process while it lives, otherwise -1 */
};

#define CONTAINER_NONE ((struct container){ .root = -1, .dir = -1, .pidfd = -1 })

/* How long the operations that change a container wait for one another. */
enum { CONTAINER_LOCK_MS = 10000 };

/* A condition of the functions below. */
enum { CONTAINER_ABSENT = 1 };

/* Closes what is open, which also gives the lock back. Accepts CONTAINER_NONE. */
void container_close(struct container *c);

#define auto_container __attribute__((cleanup(container_close))) struct container

/*
 * Opens the directory alone: root and dir. 0; CONTAINER_ABSENT, be it for want of a root; -1 for
 * an id that is none, and for something under the name that is not ours (root is open then).
 */
int container_find(const struct life *l, const char *id, struct container *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Reads the record of a directory that was found, and asks for the status. 0; CONTAINER_ABSENT
 * when there is no record; -1 when it cannot be believed or the kernel cannot be asked.
 */
int container_load(struct container *c, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));

/* Both; an absent one is an error in the words of lifecycle_absent. Does not lock or wait. */
int container_open(const struct life *l, const char *id, struct arena *a, struct container *ret,
		   struct err *e) __attribute__((warn_unused_result));

/*
 * As container_open, but asks only whether the process lives: ret->pidfd, -1 when it has ended. The
 * status is not looked at.
 */
int container_open_process(const struct life *l, const char *id, struct arena *a,
			   struct container *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * As container_open, with the lock taken before the record is read: what is in *ret stays true
 * until container_close, but for the process ending. Waits wait_ms for it at most, which is
 * CONTAINER_LOCK_MS for an operation of a person or an engine.
 */
int container_open_locked(const struct life *l, const char *id, int wait_ms, struct arena *a,
			  struct container *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * As container_open_locked with CONTAINER_LOCK_MS, with the lock that others of its kind may hold as
 * well (exec).
 */
int container_open_shared(const struct life *l, const char *id, struct arena *a,
			  struct container *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * The container's cgroup, when it has one that we may touch: the one in the record of a process
 * that lives, else that of the cgroup file or, where that cannot be read, of the record, provided
 * that the machine was not restarted since. Also for a container without a record. Otherwise
 * false.
 */
bool container_cgroup(const struct container *c, struct arena *a, const char **ret_mount,
		      const char **ret_path);

/* The systemd unit of that cgroup, or NULL: for ending it, and with the same caution. */
const char *container_unit(const struct container *c, struct arena *a);

/*
 * Writes what was done, or refused with *failed, into the audit log, when the container is held,
 * alarmed about or has a policy. What cannot be written is warned about.
 */
void container_audit(const struct life *l, const struct container *c, const char *operation,
		     const struct err *failed);

/* The configuration as it was at create, with the resources as the last update left them. */
int container_config(const struct container *c, struct arena *a, struct oci_config *ret,
		     struct err *e) __attribute__((warn_unused_result));

/*
 * The state document that a hook reads, on one line. `pid` as the hook would see it; 0 for a
 * stopped container.
 */
const char *container_hook_state(const struct state_record *record, enum state_status status,
				 pid_t pid, struct arena *a);

/*
 * Removes the groups of resctrl that were made for a container, the one that others may use only
 * when nobody is in it. Nothing to remove is success.
 */
int container_remove_resctrl(int dir, const char *id, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
