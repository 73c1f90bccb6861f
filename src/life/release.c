/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A release, and then the updates that waited for it: on top of what was restored, as
 * if they came now. One that cannot be made any more is said and forgotten, because whoever wanted
 * it was told that it would be.
 */
#include "life/container.h"
#include "life/pending.h"
#include "life/trigger.h"
#include "life/update.h"
#include "orlop/guard.h"

int life_release(const struct life *l, const char *id, const char *reason, struct arena *a,
		 struct guard_report *ret, struct err *e)
{
	auto_container c = CONTAINER_NONE;
	struct err late;

	if (guard_release(l->root, id, reason, a, ret, e) < 0)
		return -1;
	if (ret->result != GUARD_CONTAINED)
		return 0;
	/* What is broken was let go all the same, and has nothing that waits. */
	if (container_find(l, id, &c, &late) != 0)
		return 0;
	if (trigger_may_repeat(&c, a))
		l->warn("an update had asked for it: an engine that repeats that with its next one holds "
			"the container again, until orlop.quarantine is release or none");
	if (!pending_there(&c))
		return 0;
	container_close(&c);
	if (container_open_locked(l, id, CONTAINER_LOCK_MS, a, &c, &late) < 0 ||
	    update_pending(l, &c, a, &late) < 0)
		l->warn(arena_printf(a, "an update that waited for the release: %s", late.text));
	return 0;
}
