/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on disk for each container, and what its status is.
 *
 * <root>/<id>/ (0711) holds
 *   cgroup       the planned cgroup and the mount it is below, with this id and boot, and
 *                systemd's unit where it is one's: written before the cgroup is made, so that
 *                `delete --force` finds it whatever happened afterwards, and not believed when it
 *                was copied here or is from before a reboot
 *   config.json  the configuration as it was at create; later edits of the bundle have no effect
 *   resources.json  linux.resources as `update` left it, in place of the object in config.json;
 *                not there before the first update, replaced atomically by each. config.json is
 *                never written again: what was asked for at create can always be looked up
 *   state.json   the record; written when the container is complete, replaced atomically
 *   cgroup.kept  when the cgroup was there before the container: then it stays after it
 *   resctrl      as "cgroup": the groups of resctrl that are made for it (only when there are)
 *   notify/      the directory that the container sees as /run/notify; only with NOTIFY_SOCKET
 *   start.sock   where the waiting process listens for `start`; the process alone holds the
 *                listening end and loses it by exec, so connecting tells "created" from "running"
 * and, of one that has gone bad or may: policy.json, watch, watch.sock, armed, quarantine,
 * pending.json, still, alarms. The file of src/guard or src/life that writes each says what it is.
 *
 * mkdir of the directory decides who creates; flock on it serialises operations on one container.
 * Files are 0600. Names beginning with '.' below <root> are nobody's.
 *
 * `delete --force` may go on without the lock. It then first condemns the directory (the sticky
 * bit: needs no room on a full disk), and only then looks for what there is to kill. `create`
 * asks state_condemned after each thing that `delete` could have missed: after naming the cgroup
 * (state_write_cgroup asks itself), after the clone and before the child may go on, and after
 * storing the record (state_store asks itself). Whichever of the two was later sees the other.
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
	pid_t pid;			/* its first process, in the creator's pid namespace */
	uint64_t pid_inode;		/* of its pidfd, Linux 6.9; else 0 and: */
	uint64_t pid_start;		/* its start time in clock ticks, /proc/PID/stat field 22 */
	const char *boot_id;
	const char *cgroup;		/* below the cgroup2 mount; "" when there is none */
	const char *cgroup_mount;
	const char *cgroup_driver;	/* "cgroupfs", "systemd", "disabled" */
	const char *unit;		/* of systemd, the last component of cgroup; or NULL */
	uint32_t ns_new;		/* CLONE_NEW* made for it */
	uint32_t ns_joined;		/* CLONE_NEW* joined by path */
	bool poststart, poststop;	/* such hooks are in config.json */
	bool resctrl;			/* groups of resctrl were made for it */
	bool seccomp;			/* config.json has a filter */
	struct pair_list annotations;
};

enum { STATE_ABSENT = 1, STATE_EXISTS = 2, STATE_BUSY = 3 };

/* False when `id` may not name a container: [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 1024. */
bool state_id_valid(const char *id);

/* The same, also of NULL; *e says what is wrong with it. */
int state_check_id(const char *id, struct err *e) __attribute__((warn_unused_result));

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

/*
 * Opens a container's directory. 0 and *ret_fd; STATE_ABSENT; -1, also when something that is not
 * a directory of ours has the name.
 */
int state_open(int root, const char *id, int *ret_fd, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Takes the container's lock, waiting at most timeout_ms (-1: as long as it takes, 0: not at all).
 * 0; STATE_BUSY; -1. STATE_ABSENT when the directory was deleted meanwhile. Closing the descriptor
 * releases it.
 */
int state_lock(int dir, int timeout_ms, struct err *e) __attribute__((warn_unused_result));

/*
 * The same for operations that may go on beside one another, but not while the container is
 * paused, resumed, started or deleted: many may hold it at once, and nobody the other lock then.
 */
int state_lock_shared(int dir, int timeout_ms, struct err *e) __attribute__((warn_unused_result));

/* Gives the lock back and keeps the directory open: for whoever stays while the container runs. */
void state_unlock(int dir);

/*
 * Marks a directory whose lock could not be had: it is about to be removed, and whoever is making
 * a container in it has to stop. Works on a full disk.
 */
int state_condemn(int dir, struct err *e) __attribute__((warn_unused_result));

/* Whether the directory was condemned or removed meanwhile. */
bool state_condemned(int dir);

/*
 * Writes the planned cgroup ("" when none) before it is made, and the systemd unit that it will
 * be of (NULL: of none). Also an error when the directory was condemned: nothing may be made then.
 */
int state_write_cgroup(int dir, const char *id, const char *mount, const char *path,
		       const char *unit, struct err *e) __attribute__((warn_unused_result));

/*
 * Reads it back. 0 with all in the arena, the unit NULL when there is none; STATE_ABSENT when there
 * is no such file, an empty one that is being written, or one of another container or another boot
 * (whose cgroup is not ours to touch); -1.
 */
int state_read_cgroup(int dir, const char *id, struct arena *a, const char **ret_mount,
		      const char **ret_path, const char **ret_unit, struct err *e)
	__attribute__((warn_unused_result));

/* Notes that the cgroup is somebody else's: `delete` empties it and lets it stay. */
int state_keep_cgroup(int dir, struct err *e) __attribute__((warn_unused_result));
bool state_cgroup_kept(int dir);

/*
 * As state_write_cgroup and state_read_cgroup, for the groups of resctrl that are about to be made,
 * "" for none: the container's and that for monitoring. In the file "resctrl", which only
 * containers with such groups have.
 */
int state_write_resctrl(int dir, const char *id, const char *group, const char *monitor,
			struct err *e) __attribute__((warn_unused_result));
int state_read_resctrl(int dir, const char *id, struct arena *a, const char **ret_group,
		       const char **ret_monitor, struct err *e) __attribute__((warn_unused_result));

/* Removes that file: such groups are not there any more. */
int state_forget_resctrl(int dir, struct err *e) __attribute__((warn_unused_result));

/*
 * Fills in what makes a process the one that is meant: pid, boot_id, and pid_inode or, before
 * Linux 6.9, pid_start. The pidfd is the process's and remains the caller's.
 */
int state_identify(pid_t pid, int pidfd, struct arena *a, struct state_record *record,
		   struct err *e) __attribute__((warn_unused_result));

/*
 * Writes the record, in two halves: a temporary file by the first, which the second makes the
 * record of the container called `id`. The second is also an error when the directory was
 * condemned: what was made has to be taken back then. A draft that is not published goes with the
 * directory, or is replaced by the next one of the same process.
 */
int state_draft(int dir, const struct state_record *record, struct err *e)
	__attribute__((warn_unused_result));
int state_publish(int dir, const char *id, struct err *e) __attribute__((warn_unused_result));

/* Both halves. */
int state_store(int dir, const struct state_record *record, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Reads the record. 0; STATE_ABSENT when there is none; -1 when it cannot be believed: not a
 * regular file of ours, too large, or not a record. Whether record.id is the directory's name is
 * for the caller to check.
 */
int state_load(int dir, struct arena *a, struct state_record *ret, struct err *e)
	__attribute__((warn_unused_result));

/* Whether the record was written since the machine started: 1, 0 (also without one), or -1. */
int state_of_this_boot(const struct state_record *record, struct err *e)
	__attribute__((warn_unused_result));

/*
 * *ret_pidfd is a descriptor for the record's process, or -1 when that has ended: all its threads,
 * whether or not somebody has waited for it.
 */
int state_process(int dir, const struct state_record *record, int *ret_pidfd, struct err *e)
	__attribute__((warn_unused_result));

/*
 * What the container is doing now, asked of the kernel: the process as by state_process,
 * the listening socket for "created", cgroup.events for "paused". When *ret_pidfd is wanted and
 * the process lives it is a descriptor for it, otherwise -1. Never waits.
 */
int state_status(int dir, const struct state_record *record, enum state_status *ret,
		 int *ret_pidfd, struct err *e) __attribute__((warn_unused_result));

/* Whether the first process still waits for start, also when it is paused. Never waits itself. */
int state_waiting(int dir, bool *ret, struct err *e) __attribute__((warn_unused_result));

/* "creating", "created", "running", "paused", "stopped". */
const char *state_status_word(enum state_status status);

/*
 * Reads a whole file of the directory, terminated, into the arena. It has to be a regular file
 * that belongs to us and that nobody else may write to (EPERM), at most `max` bytes (EFBIG).
 * Never waits, whatever is there. NULL and errno.
 */
char *state_read_file(int dir, const char *name, size_t max, struct arena *a, size_t *ret_len)
	__attribute__((warn_unused_result));

/*
 * Removes the record alone: from here on the container does not exist. STATE_ABSENT when somebody
 * else did so meanwhile; the one who gets 0 runs its poststop hooks.
 */
int state_drop_record(int dir, struct err *e) __attribute__((warn_unused_result));

/*
 * Removes the container's directory and everything in it, the record first; an absent one is
 * success. `dir` is the directory that is meant, so that one which somebody made under the same
 * name meanwhile stays; -1: whatever has the name goes.
 */
int state_remove(int root, int dir, const char *id, struct err *e)
	__attribute__((warn_unused_result));

/* Lists the ids below the root, sorted. */
int state_list(int root, struct arena *a, struct str_list *ret, struct err *e)
	__attribute__((warn_unused_result));
