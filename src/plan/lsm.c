/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. What the security modules are told: the profile or label that the program runs under, and
 * the label of the files that file systems of ours show. Without the module a label is an error,
 * because a container that silently lacks its confinement is worse than none.
 */
#include "plan/planner.h"

#include <string.h>

#include "base/text.h"

enum { LABEL_MAX = 4000 };		/* what the kernel takes is a page */

static int check_label(struct planner *p, const char *label, unsigned line, const char *member)
{
	if (plan_has_control(label, false))
		return plan_refuse(p, line, member, "has a control character");
	if (strlen(label) > LABEL_MAX)
		return plan_refuse(p, line, member, "is too long");
	return 0;
}

static int plan_apparmor(struct planner *p, const char *profile, unsigned line,
			 struct plan_process *ret)
{
	const char *at = "process.apparmorProfile";

	if (!profile)
		return 0;
	if (check_label(p, profile, line, at))
		return -1;
	/* Without AppArmor in the kernel everything is unconfined. */
	if (!p->facts->apparmor && strcmp(profile, "unconfined") == 0)
		return 0;
	if (!p->facts->apparmor)
		return plan_refuse(p, line, at,
				   "apparmor: config provided but apparmor not supported: %s",
				   text_quote(p->a, profile, 60));
	ret->apparmor_profile = profile;
	plan_because_of(p, line, at, "apparmor-profile");
	return 0;
}

int plan_process_labels(struct planner *p, const struct oci_process *process,
			struct plan_process *ret)
{
	const char *label = process->selinux_label, *at = "process.selinuxLabel";

	if (plan_apparmor(p, process->apparmor_profile, process->line, ret))
		return -1;
	if (!label)
		return 0;
	if (!p->facts->selinux)
		return plan_refuse(p, process->line, at,
				   "selinux label is specified in config, but selinux is disabled "
				   "or not supported");
	if (check_label(p, label, process->line, at))
		return -1;
	ret->selinux_label = label;
	plan_because_of(p, process->line, at, "selinux-label");
	return 0;
}

static bool has_context(const struct plan_mount *m)
{
	for (size_t i = 0; i < m->data.count; i++)
		if (strncmp(m->data.items[i], "context=", 8) == 0)
			return true;
	return false;
}

/*
 * Which file systems take it. proc and sysfs label their files themselves, message queues keep
 * a label for each file: their directory gets it. A bind mount shows files that have one.
 */
static void label_mount(struct planner *p, struct plan_mount *m, const char *label)
{
	if (m->kind != PLAN_MOUNT_FS || strcmp(m->fstype, "proc") == 0 ||
	    strcmp(m->fstype, "sysfs") == 0 || has_context(m))
		return;
	if (strcmp(m->fstype, "mqueue") == 0)
		m->root_label = label;
	else
		plan_push_str(p->a, &m->data, plan_at(p, "context=%s", label));
}

int plan_labels(struct planner *p)
{
	const struct oci_linux *l = &p->config->linux;
	unsigned line = l->lines.mount_label;

	if (l->mount_label) {
		if (!p->facts->selinux)
			return plan_refuse(p, line, "linux.mountLabel",
					   "selinux label is specified in config, but selinux is "
					   "disabled or not supported");
		if (check_label(p, l->mount_label, line, "linux.mountLabel"))
			return -1;
		p->plan->mount_label = l->mount_label;
		plan_because_of(p, line, "linux.mountLabel", "mount-label");
		for (size_t i = 0; i < p->plan->mounts.count; i++)
			label_mount(p, &p->plan->mounts.items[i], l->mount_label);
	}
	if (l->intel_rdt.set)
		return plan_unsupported(p, l->intel_rdt.line, "linux.intelRdt");
	return 0;
}
