/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Members that are understood but not carried out yet: labels
 * and the like. A value that asks for nothing is accepted; any other is refused,
 * because a container that silently lacks its label is worse than none.
 */
#include "plan/planner.h"

#include <string.h>

int plan_process_labels(struct planner *p, const struct oci_process *process,
			struct plan_process *ret)
{
	const char *profile = process->apparmor_profile;

	/* Without AppArmor in the kernel everything is unconfined. */
	if (profile && (p->facts->apparmor || strcmp(profile, "unconfined") != 0))
		return plan_unsupported(p, process->line, "process.apparmorProfile");
	if (process->selinux_label)
		return plan_unsupported(p, process->line, "process.selinuxLabel");
	ret->apparmor_profile = NULL;
	ret->selinux_label = NULL;
	return 0;
}

int plan_labels(struct planner *p)
{
	const struct oci_linux *l = &p->config->linux;

	if (l->mount_label)
		return plan_unsupported(p, l->lines.mount_label, "linux.mountLabel");
	if (l->intel_rdt.set)
		return plan_unsupported(p, l->intel_rdt.line, "linux.intelRdt");
	return 0;
}
