/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an update can ask for beside limits: engines and their plugins pass the keys of
 * linux.resources.unified on as they are, and no file of a cgroup is called like these.
 */
#pragma once

#include "life/container.h"
#include "orlop/oci_config.h"

enum trigger_hold {
	TRIGGER_AS_IS, TRIGGER_FROZEN, TRIGGER_OBSERVE, TRIGGER_RELEASE, TRIGGER_NONE,
};

struct trigger {
	bool any;			/* anything of this was said */
	enum trigger_hold hold;		/* orlop.quarantine: frozen, observe, release, none */
	bool evidence;			/* orlop.evidence: take */
	bool kill;			/* cgroup.kill: 1 */
	bool thaw;			/* cgroup.freeze: 0 */
};

/*
 * Takes the keys that are not limits out of r->unified, whose list becomes the arena's. 0; -1 for
 * a value that is not known.
 */
int trigger_read(struct oci_resources *r, const char *name, struct arena *a, struct trigger *ret,
		 struct err *e) __attribute__((warn_unused_result));

/* Whether the last word of an update was one that holds: an engine may say it again. */
bool trigger_may_repeat(const struct container *c, struct arena *a);

/*
 * Does what was asked for, containment first. `c` is locked. 0; -1 when something of it is not in
 * force, with what was done standing.
 */
int trigger_run(const struct life *l, const struct container *c, int group,
		const struct trigger *trigger, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
