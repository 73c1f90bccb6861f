/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The place of the create-time hooks: the parent moves network devices to us and runs
 * its own (prestart, createRuntime) in the runtime's namespaces, then ours (createContainer) run in
 * the container's. That is before pivot_root, so that both see the mounts beneath the root's host
 * path, and before sysctls, which may be those of a device. The start hooks come from the image:
 * they are confined as its program is, down to the filter.
 */
#include "child/child.h"
#include "child/hook.h"

int step_hooks(struct child *c)
{
	long error;

	if (child_flag(c, CHILD_AT_HOOKS_WANTED)) {
		int word = child_send(c, CHILD_AT_HOOKS, CHILD_STEP_HOOKS, -1);

		if (word >= 0)
			word = child_receive(c, NULL);
		if (word != PARENT_GO)
			return word < 0 ? word : -CHILD_E_PROTOCOL;
	}
	if (!c->plan->create_hooks.count)
		return 0;
	error = SYS(fchdir, c->root);		/* as runc does */
	if (error < 0)
		return (int)error;
	return hooks_run(c, c->plan->create_hooks, child_string(c, c->plan->state_head),
			 child_string(c, c->plan->state_tail), NULL);
}

int step_start_hooks(struct child *c)
{
	return hooks_run(c, c->plan->start_hooks, child_string(c, c->plan->start_state_head),
			 child_string(c, c->plan->start_state_tail), c->environment);
}
