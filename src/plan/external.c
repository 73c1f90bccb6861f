/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Which of a container's mounts show something of the outside: what a checkpoint does not
 * contain, and a restore has to bring.
 */
#include <string.h>

#include "plan/planner.h"

static bool has_new_namespace(const struct plan *plan, enum oci_ns type)
{
	for (size_t n = 0; n < plan->namespaces.count; n++)
		if (plan->namespaces.items[n].type == type)
			return !plan->namespaces.items[n].path;
	return false;
}

/*
 * A bind of what is below the root itself is not from the outside. The mount of a cgroup is the
 * kernel's, and made anew, where the container has a cgroup namespace; elsewhere it is a clone of
 * the host's.
 */
static bool is_external(const struct plan *plan, const struct plan_mount *m)
{
	return (m->kind == PLAN_MOUNT_BIND && !m->source_in_root) ||
	       (m->kind == PLAN_MOUNT_CGROUP && !has_new_namespace(plan, OCI_NS_CGROUP));
}

void plan_externals(const struct plan *plan, struct arena *a, struct plan_external_list *ret)
{
	*ret = (struct plan_external_list){ 0 };
	for (size_t n = 0; n < plan->mounts.count; n++)
		if (is_external(plan, &plan->mounts.items[n]))
			LIST_PUSH(a, *ret, { .kind = PLAN_EXTERNAL_MOUNT,
					     .path = plan->mounts.items[n].target,
					     .mount = &plan->mounts.items[n] });
	for (size_t n = 0; plan->bind_devices && n < plan->devices.count; n++)
		LIST_PUSH(a, *ret, { .kind = PLAN_EXTERNAL_DEVICE,
				     .path = plan->devices.items[n].path });
	for (size_t n = 0; n < plan->masked.count; n++)
		LIST_PUSH(a, *ret, { .kind = PLAN_EXTERNAL_MASK, .path = plan->masked.items[n] });
}
