/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Units of a systemd manager, the system's or a user's: a scope for a container, made,
 * changed and ended. Every function ends within the time that the connection was opened with,
 * whatever systemd does; then the error has the code ETIMEDOUT.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "engine/bus.h"
#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/plan.h"

struct systemd {
	struct bus bus;
	int timeout_ms;
};

#define SYSTEMD_NONE ((struct systemd){ .bus = BUS_NONE })

/* Connects to the manager; `user`: to the one of this process's user. */
int systemd_open(bool user, int timeout_ms, struct arena *a, struct systemd *ret, struct err *e)
	__attribute__((warn_unused_result));

/* Closes the connection. Accepts SYSTEMD_NONE. */
void systemd_close(struct systemd *s);

#define auto_systemd __attribute__((cleanup(systemd_close))) struct systemd

/* The cgroup below which the manager's units are: "" for the root, "/user.slice/...". */
int systemd_control_group(struct systemd *s, const char **ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Makes the plan's unit with this process in it, and waits until it is there. A failed unit of
 * that name is cleared away and the attempt repeated once; one that is active stays and is an
 * error. On an error there is no unit, unless systemd did not answer in time: then it is made, if
 * at all, for a process that will be gone.
 */
int systemd_start_scope(struct systemd *s, const struct plan_cgroup *plan, pid_t pid,
			struct err *e) __attribute__((warn_unused_result));

/*
 * Gives a unit the plan's properties, until it ends: all of them or, on an error, none, unless
 * systemd did not answer in time. The code ENOENT: there is no such unit.
 */
int systemd_set_properties(struct systemd *s, const struct plan_cgroup *plan, struct err *e)
	__attribute__((warn_unused_result));

/* Puts a process of ours into a unit, at `below` in its cgroup: "" or "/path". */
int systemd_attach(struct systemd *s, const char *unit, const char *below, pid_t pid,
		   struct err *e) __attribute__((warn_unused_result));

/* Ends a unit and forgets that it failed. One that does not exist is success. */
int systemd_stop(struct systemd *s, const char *unit, struct err *e)
	__attribute__((warn_unused_result));
