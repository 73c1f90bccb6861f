/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. update: other schemata for a container's group of resctrl; one that has none gets a
 * group of its own, with all its threads.
 */
#pragma once

#include <stdbool.h>

#include "life/container.h"
#include "orlop/plan.h"

struct rdt_update {
	int root;		/* of resctrl, or -1: there was nothing to do */
	struct plan_rdt plan;
	const char *old;	/* the schemata as they were */
	bool made;
};

#define RDT_UPDATE_NONE ((struct rdt_update){ .root = -1 })

/*
 * Changes what `wanted` says (nothing, when it is not set), for a locked container with the
 * configuration `is` and this cgroup. 0: rdt_update_undo takes it back; -1: all is as it was, or a
 * hint says what is not.
 */
int rdt_update_make(const struct life *l, struct container *c, const struct oci_intel_rdt *is,
		    const struct oci_intel_rdt *wanted, int cgroup, struct arena *a,
		    struct rdt_update *ret, struct err *e) __attribute__((warn_unused_result));

/* Takes it back; adds a hint to *e where that is refused. */
void rdt_update_undo(const struct container *c, const struct rdt_update *u, struct arena *a,
		     struct err *e);

/* Closes it. Accepts RDT_UPDATE_NONE. */
void rdt_update_close(struct rdt_update *u);

#define auto_rdt_update __attribute__((cleanup(rdt_update_close))) struct rdt_update
