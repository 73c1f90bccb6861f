/* SPDX-License-Identifier: Apache-2.0 */
#include "life/update_rdt.h"

#include "engine/resctrl.h"
#include "orlop/auto.h"

void rdt_update_close(struct rdt_update *u)
{
	auto_close_fd(&u->root);
}

/* The group goes, and with it everybody into the root group; then nobody looks for it any more. */
static void take_away(const struct container *c, struct arena *a, struct err *e)
{
	struct err failed;

	if (container_remove_resctrl(c->dir, c->id, a, &failed) < 0 ||
	    state_forget_resctrl(c->dir, &failed) < 0)
		err_hint(e, "%s", failed.text);
}

/*
 * What is about to be made is on disk before it is made; the record first, because `delete` asks it
 * whether there is more to look for.
 */
static int make_group(struct container *c, struct rdt_update *u, int cgroup, struct arena *a,
		      struct err *e)
{
	int is_new = resctrl_is_new(u->root, &u->plan, e);

	if (is_new < 0)
		return -1;
	c->record.resctrl = true;
	if (state_store(c->dir, &c->record, e) < 0 ||
	    state_write_resctrl(c->dir, c->id, u->plan.group, "", e) < 0)
		return -1;
	if (resctrl_prepare(u->root, &u->plan, true, e) == 0 &&
	    resctrl_join_all(u->root, &u->plan, cgroup, a, e) == 0) {
		u->made = true;
		return 0;
	}
	take_away(c, a, e);
	return -1;
}

int rdt_update_make(const struct life *l, struct container *c, const struct oci_intel_rdt *is,
		    const struct oci_intel_rdt *wanted, int cgroup, struct arena *a,
		    struct rdt_update *ret, struct err *e)
{
	auto_rdt_update u = RDT_UPDATE_NONE;
	struct oci_intel_rdt rdt = *wanted;

	if (!wanted->set)
		return 0;
	rdt.clos_id = is->set ? is->clos_id : NULL;
	plan_rdt_of(&rdt, c->record.id, a, &u.plan);
	u.root = resctrl_open(e);
	if (u.root < 0)
		return -1;
	if (is->set ? resctrl_change(u.root, &u.plan, a, &u.old, e) :
		      make_group(c, &u, cgroup, a, e))
		return -1;
	if (rdt.clos_id)
		l->warn(arena_printf(a, "the resctrl group %s is not the container's alone: its "
				     "schemata change for everybody in it", u.plan.group));
	*ret = u;
	u = RDT_UPDATE_NONE;
	return 0;
}

void rdt_update_undo(const struct container *c, const struct rdt_update *u, struct arena *a,
		     struct err *e)
{
	if (u->made)
		take_away(c, a, e);
	else if (u->root >= 0)
		resctrl_restore(u->root, &u->plan, u->old, e);
}
