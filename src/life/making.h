/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container being made: directory, cgroup, process, record. Each effect is followed by the push
 * of its inverse, so that what fails half-way leaves nothing; what is killed half-way leaves what
 * `delete --force` removes by the same inverses.
 */
#pragma once

#include "base/undo.h"
#include "engine/netdev.h"
#include "engine/seccomp.h"
#include "engine/spawn.h"
#include "life/bundle.h"
#include "life/scope.h"
#include "orlop/err.h"
#include "orlop/life.h"
#include "orlop/state.h"

struct making {
	const struct life *life;
	const struct life_create *create;
	struct arena *arena;
	struct bundle bundle;
	struct state_record record;
	struct seccomp_filter filter;
	int root, dir, cgroup, resctrl, procfs, listener;
	struct scope scope;
	struct spawn spawn;
	struct netdev_moves moved;	/* they come back until the container is made */
	struct undo undo;
	pid_t drafted;			/* the record was drafted with it; 0 */
	bool recorded;			/* the record was published */
	bool arm;			/* by its policy the network is armed */
	bool poststop_due;		/* the directory is ours: its end has hooks */
	bool cgroup_kept;		/* it was there before, and stays */
	bool cgroup_stays;		/* it could not be removed */
};

/*
 * Makes the container up to the point where its process is ready and confined; the record is not
 * written yet. With `listener` the process can be started later by another command. On error
 * nothing is left behind; either way making_close has to follow.
 */
int making_ready(struct making *c, const struct life *l, const struct life_create *create,
		 bool listener, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));

/*
 * As making_ready, without a process: directory, cgroup with its limits, and what else is around
 * one. The caller brings it (restore), and asks for the next four in this order.
 */
int making_place(struct making *c, const struct life *l, const struct life_create *create,
		 struct arena *a, struct err *e) __attribute__((warn_unused_result));

/* Attaches the device filter, and what the remediation policy wants to have ready. */
int making_attach_programs(struct making *c, struct err *e) __attribute__((warn_unused_result));

/* The cgroup has a process that stays: systemd's scope needs no other any more. */
int making_guest_leaves(struct making *c, struct err *e) __attribute__((warn_unused_result));

/* Moves network devices and runs the prestart and createRuntime hooks. */
int making_run_hooks(struct making *c, pid_t pid, struct err *e)
	__attribute__((warn_unused_result));

/* From here on this is the container's process, and dies with what was made. Owns the pidfd. */
void making_take_process(struct making *c, pid_t pid, int pidfd);

/* Refuses a console socket that nothing would be sent to. */
int making_check_console(const struct making *c, struct err *e) __attribute__((warn_unused_result));

/* Delivers the terminal, the pidfd and the pid file, and writes the record. */
int making_record(struct making *c, struct err *e) __attribute__((warn_unused_result));

/* The container is made and may run: what is its own stays its own, whatever comes. */
void making_hand_over(struct making *c);

/* Takes everything back, and runs the poststop hooks (specification, lifecycle steps 12, 13). */
void making_undo(struct making *c);

/* Closes descriptors; what was made stays. */
void making_close(struct making *c);
