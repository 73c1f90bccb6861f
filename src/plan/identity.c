/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Who the process is: user, groups, umask, and its five capability sets. Ids are numbers;
 * nothing is ever looked up by name.
 */
#include "plan/planner.h"

#include <string.h>

#include "oci/words.h"

/* NGROUPS_MAX of the kernel */
enum { GROUPS_MAX = 65536 };

static int check_id(struct planner *p, unsigned line, const char *at, uint32_t id,
		    const struct id_map_list *maps)
{
	if (maps && plan_map_id(maps, id) == ID_NONE)
		return plan_refuse(p, line, at,
				   "%u is not mapped in the container's user namespace", id);
	return 0;
}

static bool asks_for_groups(const struct oci_config *config)
{
	for (size_t i = 0; i < config->annotations.count; i++)
		if (strcmp(config->annotations.items[i].key, "run.oci.keep_original_groups") == 0)
			return true;
	return false;
}

bool plan_keeps_groups(const struct oci_config *config, const struct host_facts *facts)
{
	return (facts->euid != 0 || facts->in_user_ns) && asks_for_groups(config);
}

/* Podman's --group-add keep-groups, for files that a group of the user alone may read. */
static void keep_groups(struct planner *p, struct plan_process *ret)
{
	if (ret->groups.count)
		plan_warn(p, "process.user.additionalGids: ignored: the annotation "
			  "run.oci.keep_original_groups asks for the caller's groups");
	ret->groups.count = 0;
	ret->set_groups = false;
	plan_because_of(p, p->config->lines.annotations,
			"annotations[\"run.oci.keep_original_groups\"]", "groups");
}

static int plan_user(struct planner *p, const struct oci_process *process,
		     struct plan_process *ret)
{
	const struct oci_user *u = &process->user;
	const struct id_map_list *uids = p->plan ? &p->plan->uid_maps : NULL;
	const struct id_map_list *gids = p->plan ? &p->plan->gid_maps : NULL;
	unsigned line = process->line;

	if (check_id(p, line, "process.user.uid", u->uid, uids) ||
	    check_id(p, line, "process.user.gid", u->gid, gids))
		return -1;
	if (u->additional_gids.count > GROUPS_MAX)
		return plan_refuse(p, line, "process.user.additionalGids",
				   "%zu groups; the kernel takes %d", u->additional_gids.count,
				   GROUPS_MAX);
	for (size_t i = 0; i < u->additional_gids.count; i++) {
		if (check_id(p, line, plan_at(p, "process.user.additionalGids[%zu]", i),
			     u->additional_gids.items[i], gids))
			return -1;
	}
	ret->uid = u->uid;
	ret->gid = u->gid;
	ret->umask = u->umask;
	ret->groups.items = u->additional_gids.items;
	ret->groups.count = u->additional_gids.count;
	/* Also with none, so that the caller's groups do not stay. */
	ret->set_groups = !p->facts->setgroups_denied && (!p->plan || !p->plan->deny_setgroups);
	/* An engine with one id passes the image's groups all the same, and expects no error. */
	if (ret->groups.count && p->facts->setgroups_denied) {
		if (p->plan)	/* once is enough: execs do not repeat it */
			plan_warn(p, "process.user.additionalGids: the user namespace does not let "
				  "groups be set: ignored");
		ret->groups.count = 0;
	}
	if (ret->groups.count && !ret->set_groups) {
		(void)plan_refuse(p, line, "process.user.additionalGids", "cannot set any "
				  "additional groups in a rootless container");
		return err_hint(p->e, "map groups of /etc/subgid as well, and not the user's own "
				"alone");
	}
	plan_because_of(p, line, "process.user", "user ");
	if (u->umask.set)
		plan_because_of(p, line, "process.user.umask", "umask");
	if (p->config && plan_keeps_groups(p->config, p->facts)) {
		keep_groups(p, ret);
		return 0;
	}
	if (p->config && asks_for_groups(p->config))
		plan_warn(p, "annotations[\"run.oci.keep_original_groups\"]: ignored: the groups of "
			  "the host's root are not for a container");
	if (ret->groups.count)
		plan_because_of(p, line, "process.user.additionalGids", "groups");
	else
		plan_because(p, ret->set_groups ? "default: the caller's groups are not kept" :
			     "default: the user namespace does not let groups be set", "groups");
	return 0;
}

static uint64_t bit(uint64_t n)
{
	return UINT64_C(1) << n;
}

static const char *cap_name(const struct planner *p, unsigned n)
{
	const char *word = names_word(words_capabilities, n);

	return word ? word : plan_at(p, "CAP_%u", n);
}

/* "[CAP_A CAP_B]" */
static char *cap_list(const struct planner *p, uint64_t caps, const struct str_list *more)
{
	char *list = plan_at(p, "%s", "[");

	for (size_t i = 0; more && i < more->count; i++)
		list = plan_at(p, "%s%s%.80s", list, list[1] ? " " : "", more->items[i]);
	for (unsigned n = 0; n < 64; n++) {
		if (caps & bit(n))
			list = plan_at(p, "%s%s%s", list, list[1] ? " " : "", cap_name(p, n));
	}
	return plan_at(p, "%s]", list);
}

/* With one in it, the line that runc writes. */
static void warn_ambient(struct planner *p, uint64_t caps)
{
	const char *names = "";

	for (unsigned n = 0; n < 64; n++)
		if (caps & bit(n))
			names = plan_at(p, "%s%s%s", names, *names ? ", " : "", cap_name(p, n));
	plan_warn(p, "can't raise ambient capability %s: not both permitted and inheritable: ignored",
		  names);
}

/* "; did you mean CAP_KILL?" for names that are nearly one; "" when none is. */
static const char *cap_suggestion(const struct planner *p, const struct str_list *unknown)
{
	const char *list = "";

	for (size_t i = 0; i < unknown->count; i++) {
		const char *near = names_nearest(words_capabilities, unknown->items[i]);

		if (near)
			list = plan_at(p, "%s%s%s", list, *list ? ", " : "", near);
	}
	return *list ? plan_at(p, "; did you mean %s?", list) : "";
}

/*
 * What this process can hand on. A new user namespace comes with a full bounding set, whatever the
 * caller's is (user_namespaces(7)).
 */
static uint64_t grantable(const struct planner *p)
{
	uint64_t known = p->facts->cap_last >= 63 ? UINT64_MAX : bit(p->facts->cap_last + 1) - 1;

	return p->in_user_ns ? known : known & p->facts->cap_bounding;
}

/*
 * The specification wants a capability that cannot be granted to be a warning, not an error. What
 * is left out here is what capset(2) and prctl(2) would refuse: a capability that nobody can hand
 * on, an effective one that is not permitted, an inheritable one that is not in the bounding set,
 * an ambient one that is not both permitted and inheritable.
 */
static void plan_caps(struct planner *p, const struct oci_process *process,
		      struct plan_process *ret)
{
	const struct oci_caps *c = &process->caps;
	uint64_t can = grantable(p);
	uint64_t asked = c->bounding | c->effective | c->inheritable | c->permitted | c->ambient;
	uint64_t left;

	if (!c->set) {
		plan_because(p, "default: process.capabilities is absent", "capabilities");
		return;
	}
	if (c->unknown.count || (asked & ~can))
		plan_warn(p, "ignoring unknown or unavailable capabilities: %s%s",
			  cap_list(p, asked & ~can, &c->unknown), cap_suggestion(p, &c->unknown));
	ret->cap_bounding = c->bounding & can;
	ret->cap_permitted = c->permitted & can;
	ret->cap_effective = c->effective & ret->cap_permitted;
	ret->cap_inheritable = c->inheritable & ret->cap_bounding;
	ret->cap_ambient = c->ambient & ret->cap_permitted & ret->cap_inheritable;
	left = c->effective & can & ~ret->cap_effective;
	if (left)
		plan_warn(p,
			  "process.capabilities.effective: not in the permitted set: %s: ignored",
			  cap_list(p, left, NULL));
	left = c->inheritable & can & ~ret->cap_inheritable;
	if (left)
		plan_warn(p,
			  "process.capabilities.inheritable: not in the bounding set: %s: ignored",
			  cap_list(p, left, NULL));
	left = c->ambient & can & ~ret->cap_ambient;
	if (left)
		warn_ambient(p, left);
	plan_because_of(p, process->line, "process.capabilities", "capabilities");
}

int plan_identity(struct planner *p, const struct oci_process *process,
		  struct plan_process *ret)
{
	if (plan_user(p, process, ret))
		return -1;
	plan_caps(p, process, ret);
	return 0;
}
