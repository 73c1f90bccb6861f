/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Where the container's cgroup is, which controllers it needs, and whether it is handed to
 * the container's user. What is written there is decided in limits.c and devices.c.
 */
#include "plan/planner.h"

#include <linux/mount.h>
#include <string.h>

#include "base/text.h"

/* Containers whose configuration names no absolute path live below this group. */
#define CGROUP_BASE "/orlop"

enum { CGROUP_PATH_MAX = 3000, CGROUP_NAME_MAX = 255 };

bool plan_has_controller(const struct planner *p, const char *controller)
{
	return plan_has_word(p->facts->controllers, controller);
}

static int refuse_without_cgroup(struct planner *p, unsigned line, const char *member)
{
	if (!p->options || p->options->cgroup_driver == PLAN_CGROUP_DISABLED) {
		(void)plan_refuse(p, line, member, "needs a cgroup, and the container gets none");
		return err_hint(p->e, "leave out --cgroup-manager disabled");
	}
	(void)plan_refuse(p, line, member, "rootless needs no limits + no cgrouppath when no "
			  "permission is granted for cgroups");
	return err_hint(p->e, "no cgroup is this user's to write to: give --systemd-cgroup, or call "
			"orlop from systemd-run --user --scope -p Delegate=yes");
}

int plan_want_controller(struct planner *p, struct plan_cgroup *cgroup, const char *controller,
			 unsigned line, const char *member)
{
	const char *there = p->facts->controllers;

	for (size_t i = 0; i < cgroup->controllers.count; i++) {
		if (strcmp(cgroup->controllers.items[i], controller) == 0)
			return 0;
	}
	if (cgroup->driver == PLAN_CGROUP_DISABLED)
		return refuse_without_cgroup(p, line, member);
	if (plan_has_controller(p, controller)) {
		plan_push_str(p->a, &cgroup->controllers, controller);
		plan_because_of(p, line, member, "cgroup-controller %s",
				plan_word(p->a, controller));
		return 0;
	}
	(void)plan_refuse(p, line, member, "this host's cgroup v2 has no \"%.40s\" controller",
			  controller);
	if (p->facts->cgroup_mode == HOST_CGROUP_HYBRID)
		return err_hint(p->e,
				"%s has: %s; controllers that cgroup v1 holds are not there, boot "
				"with systemd.unified_cgroup_hierarchy=1", p->facts->cgroup_mount,
				there && *there ? there : "none");
	return err_hint(p->e, "%s/cgroup.controllers has: %s",
			p->facts->cgroup_mount ? p->facts->cgroup_mount : "",
			there && *there ? there : "none");
}

/* No component may be longer than a directory's name can be. */
static bool names_fit(const char *path)
{
	while (*path) {
		size_t len = strcspn(++path, "/");

		if (len > CGROUP_NAME_MAX)
			return false;
		path += len;
	}
	return true;
}

/* A user's containers live where that user may make groups. */
static const char *path_base(const struct planner *p)
{
	const char *own = p->facts->cgroup_delegated;

	return own && own[1] ? plan_at(p, "%s" CGROUP_BASE, own) : CGROUP_BASE;
}

static int plan_path(struct planner *p)
{
	const char *asked = p->config->linux.cgroups_path, *path;
	const char *base = path_base(p);
	unsigned line = p->config->linux.lines.cgroups_path;

	if (!asked) {
		p->plan->cgroup.path = plan_at(p, "%s/%s", base, p->options->id);
		plan_because(p, "default: linux.cgroupsPath is absent", "cgroup ");
		return 0;
	}
	if (plan_path_climbs(asked))
		return plan_refuse(p, line, "linux.cgroupsPath", "has a \"..\" component");
	if (plan_has_control(asked, false))
		return plan_refuse(p, line, "linux.cgroupsPath", "has a control character");
	path = plan_path_below(p->a, base, asked);
	if (strcmp(path, "/") == 0 || strcmp(path, base) == 0)
		return plan_refuse(p, line, "linux.cgroupsPath",
				   "names %s, which is not one container's",
				   path[1] ? path : "the root of the hierarchy");
	if (strlen(path) > CGROUP_PATH_MAX || !names_fit(path))
		return plan_refuse(p, line, "linux.cgroupsPath", "is too long");
	if (strchr(asked, ':') && *asked != '/')
		plan_warn(p, "linux.cgroupsPath: %s looks like the systemd driver's "
			  "slice:prefix:name: taken as a path", text_quote(p->a, asked, 80));
	p->plan->cgroup.path = path;
	plan_because_of(p, line, "linux.cgroupsPath", "cgroup ");
	return 0;
}

/*
 * Whether a container that does not say where it wants a cgroup does without, because none can be
 * made for it.
 */
static bool goes_without(const struct planner *p)
{
	bool rootless = p->facts->euid != 0 || p->facts->in_user_ns;

	return rootless && !p->facts->cgroup_delegated && !p->config->linux.cgroups_path &&
	       p->options->cgroup_driver == PLAN_CGROUP_CGROUPFS;
}

static int check_driver(struct planner *p)
{
	if (goes_without(p))
		return 0;
	switch (p->options->cgroup_driver) {
	case PLAN_CGROUP_DISABLED:
		return 0;
	case PLAN_CGROUP_SYSTEMD:
	case PLAN_CGROUP_CGROUPFS:
		break;
	case PLAN_CGROUP_DRIVER_COUNT_:
		BUG_ON(true);
	}
	if (p->facts->cgroup_mode != HOST_CGROUP_NONE)
		return 0;
	(void)err_set(p->e, ERR_SYSTEM, "this host has no cgroup2 mount on /sys/fs/cgroup or "
		      "/sys/fs/cgroup/unified");
	return err_hint(p->e, "mount -t cgroup2 none /sys/fs/cgroup, or --cgroup-manager disabled");
}

/*
 * Specification, "Cgroup ownership": the group goes to the container's user when there is a new
 * cgroup namespace and its hierarchy is mounted writably. To hand it to ourselves would change
 * nothing.
 */
static void plan_delegate(struct planner *p)
{
	const struct plan_namespace *ns = plan_find_namespace(p->plan, OCI_NS_CGROUP);
	uint32_t uid = p->config->process.user.uid;

	/* A user cannot give anything away, and has it already. */
	if (!ns || ns->path || p->facts->euid != 0)
		return;
	/* A joined user namespace whose maps are not written here: the host's id is not known. */
	if (p->in_user_ns && !p->plan->uid_maps.count)
		return;
	for (size_t i = 0; i < p->plan->mounts.count; i++) {
		const struct plan_mount *m = &p->plan->mounts.items[i];

		if (m->kind != PLAN_MOUNT_CGROUP || (m->attr_set & MOUNT_ATTR_RDONLY) ||
		    strcmp(plan_path_lexical(p->a, m->target), "/sys/fs/cgroup") != 0)
			continue;
		uid = plan_map_id(&p->plan->uid_maps, uid);
		if (uid == p->facts->euid || uid == ID_NONE)
			return;
		p->plan->cgroup.delegate = true;
		p->plan->cgroup.delegate_uid = uid;
		plan_because(p, plan_at(p, "default: a new cgroup namespace and mounts[%zu] being "
					"writable", m->index), "cgroup-delegate");
		return;
	}
}

/*
 * Without a cgroup namespace of the container, a mount of cgroup2 shows the container's own group,
 * and where it has none, the group that it is in: the caller's, to which it may not write.
 */
static void show_own_group(struct planner *p)
{
	const struct host_facts *f = p->facts;

	if (!f->cgroup_mount || !f->cgroup_self || plan_find_namespace(p->plan, OCI_NS_CGROUP))
		return;
	/* We are outside of our own cgroup namespace: no path leads to that group. */
	if (plan_path_climbs(f->cgroup_self))
		return;
	for (size_t i = 0; i < p->plan->mounts.count; i++) {
		struct plan_mount *m = &p->plan->mounts.items[i];

		if (m->kind != PLAN_MOUNT_CGROUP)
			continue;
		m->kind = PLAN_MOUNT_BIND;
		m->fstype = NULL;
		m->source = plan_at(p, "%s%s", f->cgroup_mount, f->cgroup_self);
		m->source_from_parent = f->euid == 0 && p->in_user_ns;
		m->recursive = true;
		m->rec_set |= m->attr_set | MOUNT_ATTR_RDONLY;
		m->attr_set = 0;
		m->attr_clear &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	}
}

/*
 * As other runtimes have it, the group has all controllers: engines read what a container without
 * limits uses, and what runs inside may divide what it has. systemd does the same for its scopes.
 */
static void plan_offered(struct planner *p)
{
	/* On a hybrid host those that count are cgroup v1's, and the others come when asked for. */
	bool pure = p->facts->cgroup_mode != HOST_CGROUP_HYBRID;
	const char *words = pure ? p->facts->controllers : NULL;

	while (words && *words) {
		size_t len = strcspn(words, " ");

		if (len)
			plan_push_str(p->a, &p->plan->cgroup.offered,
				      arena_strndup(p->a, words, len));
		words += len + (words[len] == ' ');
	}
	if (p->plan->cgroup.offered.count)
		plan_because(p, "default: all that the host has", "cgroup-offers");
}

int plan_cgroups(struct planner *p)
{
	const struct oci_resources *r = &p->config->linux.resources;
	struct plan_cgroup *cgroup = &p->plan->cgroup;

	if (check_driver(p))
		return -1;
	cgroup->driver = goes_without(p) ? PLAN_CGROUP_DISABLED : p->options->cgroup_driver;
	if (cgroup->driver == PLAN_CGROUP_DISABLED) {
		plan_because(p, goes_without(p) ? "default: no cgroup is this user's to write to" :
			     "option --cgroup-manager disabled", "cgroup ");
		if (r->devices.count)
			plan_warn(p, "linux.resources.devices: there is no cgroup to apply them "
				  "to: ignored");
		show_own_group(p);
	} else {
		if (cgroup->driver == PLAN_CGROUP_SYSTEMD ? plan_unit(p) : plan_path(p))
			return -1;
		plan_device_rules(p, r, "linux.resources", cgroup);
	}
	if (cgroup->driver == PLAN_CGROUP_CGROUPFS)
		plan_offered(p);
	if (plan_limits(p, r, "linux.resources", false, cgroup))
		return -1;
	if (cgroup->driver != PLAN_CGROUP_DISABLED)
		plan_delegate(p);
	return cgroup->driver == PLAN_CGROUP_SYSTEMD ? plan_unit_properties(p) : 0;
}

int plan_resources(const struct oci_resources *resources, const char *name,
		   const struct host_facts *facts, struct arena *a, struct plan_cgroup *ret,
		   struct str_list *warnings, struct err *e)
{
	struct plan_cgroup cgroup = { .driver = PLAN_CGROUP_CGROUPFS };
	struct planner p = { .name = name, .facts = facts, .a = a, .warnings = warnings, .e = e };

	if (resources->devices.count)
		plan_device_rules(&p, resources, "resources", &cgroup);
	if (plan_limits(&p, resources, "resources", true, &cgroup))
		return -1;
	*ret = cgroup;
	return 0;
}
