/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The container's scope: the cgroup that systemd makes and owns. Between
 * engine/systemd.h and the operations: which manager is asked, and the process that stands in until
 * the container's own is there.
 */
#pragma once

#include "engine/placeholder.h"
#include "engine/systemd.h"
#include "orlop/life.h"
#include "orlop/plan.h"

struct scope {
	struct systemd systemd;
	struct placeholder guest;
};

#define SCOPE_NONE ((struct scope){ .systemd = SYSTEMD_NONE, .guest = PLACEHOLDER_NONE })

/*
 * Connects to systemd, and puts the path of its own group in front of the plan's. Refuses a place
 * where processes are already: those of a unit that has the name.
 */
int scope_find(struct scope *s, const struct life *l, struct plan_cgroup *plan,
	       const char *mount, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Makes it, where the plan's path says, with a process of ours in it; parts from systemd. On an
 * error there is neither.
 */
int scope_make(struct scope *s, const struct plan_cgroup *plan, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Moves a process of ours from our cgroup into the unit's, or into the group at `below` there, and
 * reads back that it is at `path`.
 */
int scope_join(const struct life *l, const char *unit, const char *below, const char *path,
	       pid_t pid, struct err *e) __attribute__((warn_unused_result));

/* Tells systemd the properties of a plan for a unit that exists; not asked when there are none. */
int scope_limit(const struct life *l, const struct plan_cgroup *plan, struct err *e)
	__attribute__((warn_unused_result));

/* Ends the process that stands in, and the connection. May be repeated. */
void scope_leave(struct scope *s);

/* Ends the unit whose cgroup is empty or gone (NULL: there is none); says so when it cannot. */
void scope_end(const struct life *l, const char *unit);
