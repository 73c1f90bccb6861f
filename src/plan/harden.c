/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. What a hardening profile adds to a plan, or to one process, that is otherwise complete.
 * Everything here takes away: a path more is masked, a capability less is held. Each change leaves
 * its reason.
 */
#include "plan/planner.h"

#include <string.h>

#include "orlop/profile.h"

static const char *cause(struct planner *p, const struct profile *profile)
{
	return plan_at(p, "profile %s: %s", profile->name, profile->description);
}

static bool has_path(struct planner *p, const struct str_list *list, const char *path)
{
	const char *clean = plan_path_lexical(p->a, path);

	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(plan_path_lexical(p->a, list->items[i]), clean) == 0)
			return true;
	}
	return false;
}

static void add_paths(struct planner *p, const struct str_list *from, const char *fact,
		      const char *because, struct str_list *to)
{
	for (size_t i = 0; i < from->count; i++) {
		if (has_path(p, to, from->items[i]))
			continue;
		plan_push_str(p->a, to, from->items[i]);
		plan_because(p, because, "%s %s", fact, plan_word(p->a, from->items[i]));
	}
}

/* Two filters cannot be made one, and to choose between them would be to loosen one of them. */
static int add_filter(struct planner *p, const struct profile *profile, const char *because)
{
	struct planner of_profile = *p;

	if (!profile->seccomp.set)
		return 0;
	if (p->plan->seccomp) {
		(void)plan_refuse(p, p->config->linux.seccomp.line, "linux.seccomp",
				  "the profile \"%s\" has a filter too, and there can be one",
				  profile->name);
		return err_hint(p->e, "remove one of the two");
	}
	of_profile.name = plan_at(p, "profile %s", profile->name);
	if (plan_check_seccomp(&of_profile, &profile->seccomp, "seccomp"))
		return -1;
	p->plan->seccomp = plan_copy_seccomp(p, &profile->seccomp);
	plan_because(p, because, "seccomp ");
	return 0;
}

void plan_harden_process(struct planner *p, struct plan_process *process)
{
	static const char *const sets[] = {
		"bounding", "effective", "inheritable", "permitted", "ambient",
	};
	const struct profile *profile = p->options->profile;
	const char *because;
	uint64_t drop;

	if (!profile)
		return;
	because = cause(p, profile);
	if (profile->no_new_privileges && !process->no_new_privs) {
		process->no_new_privs = true;
		plan_because(p, because, "no-new-privileges yes");
	}
	drop = profile->drop_capabilities & (process->cap_bounding | process->cap_permitted);
	if (!drop)
		return;
	process->cap_bounding &= ~drop;
	process->cap_effective &= ~drop;
	process->cap_inheritable &= ~drop;
	process->cap_permitted &= ~drop;
	process->cap_ambient &= ~drop;
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		plan_because(p, because, "capabilities %s", sets[i]);
}

int plan_harden(struct planner *p)
{
	const struct profile *profile = p->options->profile;
	const char *because;

	if (!profile)
		return 0;
	because = cause(p, profile);
	if (add_filter(p, profile, because))
		return -1;
	add_paths(p, &profile->masked_paths, "mask", because, &p->plan->masked);
	add_paths(p, &profile->readonly_paths, "readonly", because, &p->plan->readonly);
	return 0;
}
