/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The mounts of a container that show something of the outside, as criu is told of
 * them: where they really are, and what to put there.
 */
#pragma once

#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/plan.h"

/* What the images call the cover of a masked file. */
extern const char criu_null_device[];

/*
 * For a dump: mount points of the running container, each with the name that the images shall have
 * for what is there. What the configuration names and is not mounted is left out; what is mounted
 * below a recursive bind is there as well.
 */
int criu_mounts_outside(pid_t pid, const struct plan_external_list *externals, struct arena *a,
			struct pair_list *ret, struct err *e) __attribute__((warn_unused_result));

/* A mount namespace in which a restore finds everything, and the way back. */
struct criu_stage {
	int home, cwd;			/* the namespace we came from; -1: we are in it */
	const char *root;		/* the container's root, in there */
	struct pair_list mounts;	/* for criu_request */
};

#define CRIU_STAGE_NONE ((struct criu_stage){ .home = -1, .cwd = -1 })

/*
 * Enters a mount namespace of its own, which nobody else sees and which ends with its last
 * process. Below `dir`, an empty directory may be covered there, are the root file system, with
 * mount points made where they were missing, and a clone of each source, opened once and mapped
 * as the plan says; `cgroup` is the path of the container's own group, or NULL. criu_stage_leave
 * has to follow, also after an error.
 */
int criu_stage_enter(const struct plan *plan, const struct plan_external_list *externals,
		     const char *dir, const char *cgroup, int procfs, struct arena *a,
		     struct criu_stage *ret, struct err *e) __attribute__((warn_unused_result));

/* Goes back to where we were. May be repeated. */
int criu_stage_leave(struct criu_stage *s, struct err *e) __attribute__((warn_unused_result));
