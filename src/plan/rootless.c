/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. What differs for who is not the host's root: an ordinary user, or root in a user namespace
 * that an engine made. How the id maps come to be written, and that only a user namespace gives a
 * user the right to anything else. Device nodes, filters and cgroups are told in devices.c and
 * cgroup.c.
 */
#include "plan/planner.h"

#include <string.h>

/* The kernel lets everybody map one id: their own (user_namespaces(7)). */
static bool is_own_id(const struct id_map_list *maps, uint32_t own)
{
	return maps->count == 1 && maps->items[0].size == 1 && maps->items[0].host == own;
}

static int find_writer(struct planner *p, const struct id_map_list *maps, const char *member,
		       const char *fact, const char *program, const char *path, const char **ret)
{
	if (!path) {
		(void)plan_refuse(p, maps->items[0].line, member, "more than the user's own id "
				  "needs %s, which is not installed", program);
		return err_hint(p->e, "install uidmap (Debian) or shadow-utils, or map the one id "
				"%u", *fact == 'u' ? p->facts->euid : p->facts->egid);
	}
	*ret = path;
	plan_because_of(p, maps->items[0].line, member, "%s ", fact);
	return 0;
}

/*
 * A gid map that a user writes alone wants setgroups to be forbidden first: otherwise somebody whom
 * a group is meant to keep out could leave it. newgidmap sees to that itself.
 */
int plan_map_writers(struct planner *p)
{
	const struct plan_namespace *ns = plan_find_namespace(p->plan, OCI_NS_USER);
	const struct host_facts *f = p->facts;
	struct plan *plan = p->plan;

	if (f->euid == 0)
		return 0;
	if (!ns) {
		(void)plan_refuse(p, p->config->linux.lines.namespaces, "linux.namespaces",
				  "rootless container requires user namespaces: this is user %u",
				  f->euid);
		return err_hint(p->e, "add { \"type\": \"user\" } with mappings; orlop spec "
				"--rootless writes such a document");
	}
	if (ns->path)
		return 0;
	if (!is_own_id(&plan->uid_maps, f->euid) &&
	    find_writer(p, &plan->uid_maps, "linux.uidMappings", "uid-map-by", "newuidmap",
			f->newuidmap, &plan->uid_map_by))
		return -1;
	if (!is_own_id(&plan->gid_maps, f->egid))
		return find_writer(p, &plan->gid_maps, "linux.gidMappings", "gid-map-by",
				   "newgidmap", f->newgidmap, &plan->gid_map_by);
	plan->deny_setgroups = true;
	plan_because_of(p, plan->gid_maps.items[0].line, "linux.gidMappings", "setgroups deny");
	return 0;
}
