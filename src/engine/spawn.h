/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The child process and the conversation with it, from clone3 to the moment at which
 * the program may start.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/seccomp.h"
#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/plan.h"

struct spawn_request {
	const struct plan *plan;
	const struct plan_process *process;
	bool exec;			/* one more process of the container at `container` */
	int container;			/* its pidfd; -1 */
	uint32_t container_ns;		/* which namespaces to enter */
	int cgroup;			/* to be born in; -1: ours */
	int listener;			/* create: of start.sock; -1 */
	int procfs;			/* as procfs_open gave it, or -1: see procfs.h */
	bool network_comes;		/* network_ns_comes: it is sent to the child */
	const char *own_cgroup;		/* host path of the container's cgroup, or NULL */
	const char *state, *start_state;	/* documents for the child's hooks */
	const struct seccomp_filter *filter;	/* or NULL */
	const struct host_facts *facts;
	/*
	 * Puts the process into the cgroup when the kernel does not let it be born there, because
	 * the group above that and ours is not this user's; it waits meanwhile and is nothing yet.
	 * NULL: that is an error.
	 */
	int (*join)(void *argument, pid_t pid, struct err *e);
	/* Called when the process was born and has not come to anything yet; or NULL. */
	int (*born)(void *argument, struct err *e);
	/* What the parent does while the child sets things up; the program cannot start before. */
	int (*meanwhile)(void *argument, pid_t pid, int pidfd, struct err *e);	/* or NULL */
	/*
	 * Moves devices and runs the hooks of the runtime's namespaces; `pid` is the container's
	 * process, which is in all of its own.
	 */
	int (*at_hooks)(void *argument, pid_t pid, struct err *e);
	void *argument;
	/* Hears of each step when it was done, in nanoseconds of CLOCK_MONOTONIC; or NULL. */
	void (*trace)(const char *step, uint64_t when);
};

struct spawn {
	pid_t pid;
	int pidfd, control;
	int master;			/* the terminal's, -1 when there is none */
	char master_name[64];
};

#define SPAWN_NONE ((struct spawn){ .pid = -1, .pidfd = -1, .control = -1, .master = -1 })

/*
 * Makes the process and serves it until it is ready. On error it is dead and reaped and *e says
 * which step of it failed on what.
 */
int spawn_start(const struct spawn_request *r, struct arena *a, struct spawn *ret,
		struct err *e) __attribute__((warn_unused_result));

/* Lets a ready process wait for `start` on its listener, and parts from it. */
int spawn_release(struct spawn *s, struct err *e) __attribute__((warn_unused_result));

/*
 * Says START on a control socket (ours, or one connected to start.sock) and waits until the
 * program was executed (0) or could not be. `listener` gets the seccomp listener when there is one.
 */
struct spawn_starting {
	int control, pidfd;
	const struct plan *plan;		/* for messages */
	const struct plan_process *process;
	int (*listener)(void *argument, int fd, struct err *e);
	void *argument;
};

/* A startContainer hook failed; *e says which. */
enum { SPAWN_HOOK_FAILED = 1 };
int spawn_run(const struct spawn_starting *s, struct err *e)
	__attribute__((warn_unused_result));

/* Stands for the pid in the state documents above; the child puts its own there. */
enum { SPAWN_STATE_PID = 2147483647 };

/* Kills the process (SIGKILL), reaps it and closes everything. Accepts SPAWN_NONE. */
void spawn_kill(struct spawn *s);

/* Closes the descriptors; the process goes on. */
void spawn_close(struct spawn *s);
