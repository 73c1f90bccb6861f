/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the plan that the child program reads, and the words it exchanges with the parent.
 *
 * The child is a program of its own, without a C library: it is executed from a sealed memfd right
 * after clone3. This block is the last segment of that program, which the kernel maps read-only at
 * CHILD_PLAN_ADDRESS. So the block is flat: a place in it is an offset from its first byte, a
 * string is an offset to bytes that end with NUL, offset 0 is "none". Nothing here points into a
 * library, and everything was decided before.
 */
#pragma once

#include <stdint.h>

/* The child's name, in /proc/PID/comm too, until it executes the program. */
#define CHILD_NAME "orlop:[child]"

enum {
	CHILD_PLAN_MAGIC = 0x6f726c33,		/* "orl3"; changes with the layout */
	CHILD_PLAN_ADDRESS = 0x10000000,	/* far above the program: some 40 KiB at 4 MiB */
};

typedef uint32_t child_str;			/* offset of a string; 0: none */

struct child_list {
	uint32_t offset, count;
};

/*
 * The steps, in the order in which they run. The order is the security design; ARCHITECTURE.md
 * gives the reason for each place. X(word, name in messages, function, in which kinds of child)
 */
enum { CHILD_IN_CREATE = 1, CHILD_IN_EXEC = 2, CHILD_IN_BOTH = 3 };

// clang-format off
#define CHILD_STEPS(X) \
	X(SESSION, "session", step_session, BOTH)	/* own session, dies with the parent */ \
	X(JOIN, "join namespaces", step_join, CREATE)	/* by descriptor, before any change */ \
	X(MAPS, "user namespace", step_maps, CREATE)	/* root of it, now that ids are mapped */ \
	X(UNSHARE, "new namespaces", step_unshare, CREATE)	/* those that clone3 cannot make */ \
	X(ENTER, "enter container", step_enter, EXEC)	/* all its namespaces at once, by pidfd */ \
	X(PROPAGATION, "mount propagation", step_propagation, CREATE)	/* before any mount */ \
	X(ROOT, "root file system", step_root, CREATE)	/* opened once, cloned, attached */ \
	X(MOUNTS, "mounts", step_mounts, CREATE)	/* while host paths still resolve */ \
	X(NETWORK, "network namespace", step_network, CREATE)	/* of the parent; sysfs needs it */ \
	X(DEVICES, "devices", step_devices, CREATE)	/* after /dev was mounted */ \
	X(CONSOLE, "console", step_console, BOTH)	/* needs the container's devpts */ \
	X(HOOKS, "hooks", step_hooks, CREATE)		/* see mounts and network, before pivot_root */ \
	X(LOOPBACK, "loopback interface", step_loopback, CREATE)	/* of a new network */ \
	X(SYSCTL, "sysctl", step_sysctl, CREATE)	/* through a procfs of our own */ \
	X(MASKS, "masked and read-only paths", step_masks, CREATE)	/* after all who write there */ \
	X(PIVOT, "pivot_root", step_pivot, CREATE)	/* the host's tree is gone after it */ \
	X(NAMES, "host name", step_names, CREATE)	/* what the container may not change later */ \
	X(STDIO, "standard streams", step_stdio, BOTH)	/* while we may still chown them */ \
	X(CWD, "working directory", step_cwd, BOTH)	/* with the right to make it */ \
	X(LABEL, "security label", step_label, BOTH)	/* takes effect at exec */ \
	X(LIMITS, "resource limits", step_limits, BOTH)	/* before the right to set them goes */ \
	X(MEMORY, "memory policy", step_memory, BOTH)	/* in the cgroup, whose cpuset limits it */ \
	X(PERSONALITY, "personality", step_personality, BOTH)	/* before a filter forbids it */ \
	X(IDENTITY, "identity", step_identity, BOTH)	/* bounding set, groups, ids, capabilities */ \
	X(PROGRAM, "program", step_program, BOTH)	/* found as the user who will run it */ \
	X(READY, "ready", step_ready, BOTH)		/* the parent reads back and records */ \
	X(START, "start", step_start, CREATE)		/* waits for `start` */ \
	X(FDS, "descriptors", step_fds, BOTH)		/* exactly 0-2 and the preserved ones */ \
	X(SECCOMP, "seccomp", step_seccomp, BOTH)	/* late: what follows has to be allowed by it */ \
	X(START_HOOKS, "start hooks", step_start_hooks, CREATE)	/* the image's: confined like it */ \
	X(EXEC, "exec", step_exec, BOTH)
// clang-format on

enum child_step {
#define X(word, name, function, kinds) CHILD_STEP_##word,
	CHILD_STEPS(X)
#undef X
	CHILD_STEP_COUNT_
};

/* What travels on the control socket (SOCK_SEQPACKET), one message each. */
enum child_word {
	/* child to parent */
	CHILD_FAILED = 1,	/* step, item, error, detail; the child exits */
	CHILD_RESPAWNED,	/* value: pid of the process that goes on after PARENT_GO */
	CHILD_WANTS_SOURCE,	/* item: mount; answered by PARENT_SOURCE with a descriptor */
	CHILD_WANTS_LIMITS,	/* scheduling, or limits it may not raise; answered by PARENT_GO */
	CHILD_AT_HOOKS,		/* namespaces, mounts are there; answered by PARENT_GO */
	CHILD_CONSOLE,		/* carries the pty's master */
	CHILD_READY,		/* everything but the program is done; PARENT_GO or _START */
	CHILD_TRACE,		/* step was done; value: nanoseconds of CLOCK_MONOTONIC */
	CHILD_LISTENER,		/* carries the seccomp listener; answered by PARENT_GO */
	/* parent (or `start`) to child */
	PARENT_GO = 64,		/* go on with the next step */
	PARENT_SOURCE,		/* carries the mount; error is set instead when it has none */
	PARENT_START,		/* run the program */
	PARENT_NETWORK,		/* carries the network namespace, for CHILD_NETWORK_APART */
};

enum { CHILD_DETAIL = 240 };

struct child_message {
	uint32_t word, step;
	int32_t item;		/* which of the step's things; -1: none */
	int32_t error;		/* errno, or CHILD_E_* */
	uint64_t value;
	char detail[CHILD_DETAIL];	/* the kernel's or the child's own words, or "" */
};

/* Reasons that are not an errno. */
enum {
	CHILD_E_NOT_FOUND = 1000,	/* the program is in no directory of PATH */
	CHILD_E_NOT_ORDINARY,		/* proc or sysfs on something that is no real directory */
	CHILD_E_DEVICE_DIFFERS,		/* a node of another type or number is there */
	CHILD_E_NOT_DEVNULL,		/* /dev/null of the host is not the null device */
	CHILD_E_NO_DEVPTS,		/* a terminal was asked for, but /dev/pts is no devpts */
	CHILD_E_HOOK_STATUS,		/* value: wait status of the hook */
	CHILD_E_HOOK_TIMEOUT,
	CHILD_E_PARENT_GONE,
	CHILD_E_PROTOCOL,
	CHILD_E_TOO_DEEP,
	CHILD_E_IN_PROC,		/* a mount would lie inside a procfs */
	CHILD_E_LABEL,			/* the module says another label than was written */
	CHILD_E_OUTSIDE,		/* the working directory is not in the container */
};

enum {
	CHILD_EXEC = 1 << 0,		/* one more process, not the first one */
	CHILD_TERMINAL = 1 << 1,
	CHILD_NO_NEW_PRIVS = 1 << 2,
	CHILD_ROOT_READONLY = 1 << 3,
	CHILD_NO_PIVOT = 1 << 4,
	CHILD_FIND_HOME = 1 << 5,
	CHILD_NEW_KEYRING = 1 << 6,
	CHILD_SET_GROUPS = 1 << 7,
	CHILD_SET_UMASK = 1 << 8,
	CHILD_RESPAWN = 1 << 10,	/* join first, then clone the process that goes on */
	CHILD_AT_HOOKS_WANTED = 1 << 11,	/* the parent has work at that point */
	CHILD_TRACE_WANTED = 1 << 12,
	CHILD_BIND_DEVICES = 1 << 13,
	CHILD_NO_PROGRAM = 1 << 15,	/* config.json has no process: `start` is an error */
	CHILD_NOTIFY = 1 << 16,		/* the filter has a listener to hand out */
	CHILD_USER_NS = 1 << 17,	/* in a user namespace, new, joined or entered */
	CHILD_NEW_NETWORK = 1 << 18,	/* its loopback is ours to bring up */
	CHILD_ALL_CPUS = 1 << 19,	/* not only those that the runtime may use */
	CHILD_SCHEDULED = 1 << 20,	/* the parent sets scheduler, I/O priority or affinity */
	CHILD_SET_MEMORY_POLICY = 1 << 21,
	CHILD_SET_PERSONALITY = 1 << 22,
	CHILD_NETWORK_APART = 1 << 23,	/* the parent sends a new one, with its loopback up */
};

struct child_ns {
	int32_t fd;
	uint32_t flag;			/* CLONE_NEW* */
};

enum { CHILD_MOUNT_FS, CHILD_MOUNT_BIND, CHILD_MOUNT_CGROUP, CHILD_MOUNT_REMOUNT };

struct child_mount {
	uint32_t kind;
	child_str target, source, fstype;
	child_str in_root;		/* the source's path beneath the root; or 0 */
	uint64_t attr_set, attr_clear, attr_unsaid, rec_set, rec_clear;
	uint32_t propagation;		/* MS_*, with MS_REC */
	uint8_t recursive, copy_up, copy_link, from_parent, ordinary_directory;
	struct child_list data;		/* of child_str */
	child_str root_label;		/* of its root directory */
};

struct child_device {
	uint32_t type;			/* S_IFCHR, S_IFBLK, S_IFIFO */
	uint32_t major, minor, mode, uid, gid;
	child_str path;
};

struct child_rlimit {
	uint32_t resource, unused;
	uint64_t soft, hard;
};

struct child_pair {
	child_str key, value;
};

struct child_hook {
	child_str path;
	struct child_list args, env;	/* of child_str */
	int32_t timeout;		/* seconds; 0: none */
};

struct child_plan {
	uint32_t magic, size, flags;
	uint32_t first_free_fd;		/* 3 + preserved: the program's table ends there */
	int32_t control;		/* descriptors, as numbered in this process */
	int32_t listener;		/* create: of start.sock; else -1 */
	int32_t container;		/* exec: pidfd of the container's init; else -1 */
	uint32_t container_ns;		/* exec: which of its namespaces to enter */
	uint64_t ignored_signals;	/* dispositions to reset: bit n-1 is signal n */

	struct child_list joins;	/* of child_ns, in order */
	uint32_t respawn_flags;		/* CLONE_NEW* for the process that goes on */
	uint32_t unshare_flags;		/* CLONE_NEW* to make here */
	child_str time_offsets;		/* text for timens_offsets */

	child_str rootfs;
	uint32_t rootfs_propagation;	/* MS_* as the configuration says; 0: default */
	struct child_list revealing;	/* of child_str: mounts to hide without pivot_root */
	child_str own_cgroup;		/* host path of the container's cgroup, for binds of it */
	struct child_list mounts, devices, symlinks;	/* child_mount, child_device, child_pair */
	child_str mount_label;		/* SELinux, of what covers masked directories */
	struct child_list masked, readonly;		/* of child_str */
	struct child_list sysctls;			/* of child_pair */
	struct child_list create_hooks, start_hooks;	/* of child_hook */
	child_str state_head, state_tail;	/* state JSON for hooks: head, our pid, tail */
	child_str start_state_head, start_state_tail;
	child_str hostname, domainname;

	uint16_t console_height, console_width;
	child_str cwd;
	struct child_list args, env;	/* of child_str */
	child_str path;			/* PATH of env, for the search */
	child_str apparmor, selinux;	/* as written to attr/exec: "exec PROFILE", a label */
	uint32_t uid, gid, umask;
	struct child_list groups;	/* of uint32_t */
	struct child_list rlimits;	/* of child_rlimit */
	uint32_t memory_mode;		/* MPOL_* and MPOL_F_* */
	struct child_list memory_nodes;	/* of uint64_t: bit n % 64 of word n / 64 */
	uint32_t personality;		/* PER_* */
	uint64_t cap_drop;		/* of the bounding set: what is in it and not wanted */
	uint64_t cap_bounding, cap_effective, cap_inheritable, cap_permitted, cap_ambient;
	uint32_t cap_last;

	struct child_list filter;	/* of struct sock_filter */
	uint32_t filter_flags;
};
