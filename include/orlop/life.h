/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations on containers, one for each command, without any printing. `struct life` carries
 * what is the same for all of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/guard.h"
#include "orlop/oci_config.h"
#include "orlop/plan.h"
#include "orlop/state.h"
#include "orlop/stats.h"

struct life {
	const char *root;		/* absolute; where the containers' directories are */
	bool root_is_default;		/* a missing one is then an empty one */
	enum plan_cgroup_driver cgroup_driver;
	int systemd_ms;			/* how long systemd may take to answer */
	/* Called for what the user should hear about; never NULL. */
	void (*warn)(const char *text);
	/* Hears of each step of the child, in nanoseconds of CLOCK_MONOTONIC; NULL: not wanted. */
	void (*trace)(const char *step, uint64_t when);
};

struct life_create {
	const char *id;
	const char *bundle;		/* as given; NULL: the current directory */
	const char *config;		/* file name instead of <bundle>/config.json, or NULL */
	const char *console_socket, *pidfd_socket, *pid_file;	/* NULL: not asked for */
	bool no_pivot, no_new_keyring;
	unsigned preserve_fds;		/* beyond 0-2, those of LISTEN_FDS included */
	unsigned listen_fds;		/* LISTEN_FDS, when LISTEN_PID was ours */
	/* run only: */
	bool detach, keep, no_subreaper;
	const char *learner;		/* who is asked about every call, in place of a filter */
};

/* What a program was seen to do. Memory is the arena's. */
struct life_learned {
	struct str_list calls;		/* names, sorted */
	struct str_list architectures;	/* SCMP_ARCH_* words */
	struct str_list addresses;	/* "connect 192.0.2.1:443", sorted */
	bool more_addresses;		/* beyond those listed */
};

/* What checkpoint and restore have in common: what goes to criu(8). */
struct life_criu {
	const char *program;		/* --criu, or NULL */
	const char *image_path;		/* NULL: "checkpoint" */
	const char *work_path;		/* for its log; NULL: with the images */
	const char *cgroups;		/* "soft", "full", "strict", "ignore"; NULL: soft */
	bool tcp_established, tcp_close, ext_unix_sk, shell_job, file_locks, lazy_pages, auto_dedup;
	bool empty_net;			/* --empty-ns network */
};

struct life_checkpoint {
	const char *id;
	struct life_criu criu;
	const char *parent_path;	/* relative to the images, or NULL */
	const char *page_server;	/* "ADDRESS:PORT", or NULL */
	int status_fd;			/* told when lazy pages can be asked for; -1 */
	bool leave_running, pre_dump, tcp_skip_in_flight, link_remap;
};

struct life_restore {
	struct life_create create;
	struct life_criu criu;
	const char *lsm_profile, *lsm_mount_context;	/* or NULL */
	bool unconnected;		/* --network none: whatever network it had */
};

struct life_exec {
	const char *id;
	const char *process_file;	/* --process, or NULL */
	struct str_list args, env, caps;
	const char *cwd;
	bool tty, detach, no_new_privs, ignore_paused;
	bool user_set, gid_set;
	uint32_t uid, gid;
	struct {
		uint32_t *items;
		size_t count;
	} additional_gids;
	const char *console_socket, *pidfd_socket, *pid_file;
	const char *process_label, *apparmor;
	const char *cgroup;		/* below the container's, or NULL */
	unsigned preserve_fds;
};

/* What `state` and `list` show of one container. */
struct life_view {
	const char *oci_version, *id, *bundle, *rootfs, *created;
	pid_t pid;			/* 0 when stopped */
	enum state_status status;
	struct pair_list annotations;
	uint32_t owner;
	const char *remediation;	/* a JSON object about its quarantine, or NULL */
	const char *quarantine;		/* its one word, or NULL */
};

/* Makes a container whose process waits for life_start. On error nothing is left behind. */
int life_create(const struct life *l, const struct life_create *c, struct err *e)
	__attribute__((warn_unused_result));

/* Lets the waiting process run its program, and runs the poststart hooks. */
int life_start(const struct life *l, const char *id, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Creates and starts. Detached: 0. In the foreground: waits, deletes the container (unless
 * `keep`), and returns the process's status, 128 + n when a signal ended it.
 */
int life_run(const struct life *l, const struct life_create *c, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Writes a container's processes to disk and, unless they are to go on, removes the container. On
 * an error it goes on as it was.
 */
int life_checkpoint(const struct life *l, const struct life_checkpoint *x, struct err *e)
	__attribute__((warn_unused_result));

/*
 * The dump that evidence_take may ask for: a checkpoint of a container that somebody else keeps
 * frozen, also in quarantine, and that stays so. `program` is --criu FILE, or NULL.
 */
struct evidence_dump;
int life_dump(const struct life *l, const char *id, const char *program,
	      const struct evidence_dump *dump, struct err *e) __attribute__((warn_unused_result));

/* Makes a container out of what checkpoint wrote; otherwise as life_run. */
int life_restore(const struct life *l, const struct life_restore *x, struct err *e)
	__attribute__((warn_unused_result));

/*
 * As life_run in the foreground, without the configuration's filter, noting every system call that
 * the container's processes make. The program's status, or -1.
 */
int life_learn(const struct life *l, const struct life_create *c, struct arena *a,
	       struct life_learned *ret, struct err *e) __attribute__((warn_unused_result));

/* One more process. Detached: 0. Otherwise its status as life_run. */
int life_exec(const struct life *l, const struct life_exec *x, struct err *e)
	__attribute__((warn_unused_result));

/* Describes one container; memory is the arena's. */
int life_state(const struct life *l, const char *id, struct arena *a, struct life_view *ret,
	       struct err *e) __attribute__((warn_unused_result));

struct life_views {
	struct life_view *items;
	size_t count;
};

/* Describes all containers, sorted by id; broken ones are warned about and left out. */
int life_list(const struct life *l, struct arena *a, struct life_views *ret, struct err *e)
	__attribute__((warn_unused_result));

/* The ids of all containers, sorted; those that cannot be read too. */
int life_names(const struct life *l, struct arena *a, struct str_list *ret, struct err *e)
	__attribute__((warn_unused_result));

/* Signals the container's process; with `all`, a container that does not run is no error. */
int life_kill(const struct life *l, const char *id, int signal, bool all, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Removes a stopped (or created, or with `force` any) container: processes, cgroup, directory;
 * then runs its poststop hooks. With `force` an absent container is success.
 */
int life_delete(const struct life *l, const char *id, bool force, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Freezes all processes; true on return. Bounded by timeout_ms; thawed again when it passes. 0 is
 * the usual time, and more for those that only wait for a processor.
 */
int life_pause(const struct life *l, const char *id, unsigned timeout_ms, struct err *e)
	__attribute__((warn_unused_result));

/* Lets them go on. */
int life_resume(const struct life *l, const char *id, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Other limits for a container that is there, also for one that waits or is paused. What
 * `resources` does not say stays as it is; its device rules, and a limit of 0 pids, count as not
 * said. All of it holds afterwards and is stored (see state.h), or none of it; in quarantine all
 * of it is kept until life_release. `name` is what messages call the document. The keys
 * orlop.quarantine and orlop.evidence of `unified` ask for just that.
 */
int life_update(const struct life *l, const char *id, const struct oci_resources *resources,
		const struct oci_intel_rdt *rdt, const char *name, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Lets a container out of quarantine (guard_release), and makes the updates that waited for that.
 * One that cannot be made is warned about.
 */
int life_release(const struct life *l, const char *id, const char *reason, struct arena *a,
		 struct guard_report *ret, struct err *e) __attribute__((warn_unused_result));

struct life_events {
	const char *id;
	bool once;			/* the counters as they are now, and nothing more */
	int64_t interval_ns;
	/* Called with the counters, or with NULL when processes were killed for want of memory. */
	int (*event)(void *argument, const struct stats *stats, struct err *e);
	void *argument;
};

/*
 * Tells what happens to a container until its last process has ended. The counters come after
 * every interval. What `event` does not return 0 for ends it: -1 and *e.
 */
int life_events(const struct life *l, const struct life_events *x, struct err *e)
	__attribute__((warn_unused_result));

struct life_pids {
	pid_t *items;
	size_t count;
};

/* The processes of the container's cgroup and those below it, ascending. */
int life_pids(const struct life *l, const char *id, struct arena *a, struct life_pids *ret,
	      struct err *e) __attribute__((warn_unused_result));

/* Reads the bundle and decides, without doing anything. */
int life_plan(const struct life *l, const struct life_create *c, struct arena *a,
	      struct plan *ret, struct err *e) __attribute__((warn_unused_result));
