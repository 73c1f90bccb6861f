/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the hooks of a policy beside what they are about: in a process of its own, which goes
 * on when we end. It gives each hook its time, ends what a hook leaves behind, and writes into the
 * audit log and the quarantine's journal what came of it.
 */
#pragma once

#include "orlop/audit.h"
#include "orlop/guard.h"
#include "orlop/policy.h"

/* What hooks are told. */
struct hook_event {
	enum policy_moment moment;
	const char *trigger, *result, *reason;	/* NULL: not said */
	struct audit_member more[AUDIT_MEMBERS];	/* further members of "remediation" */
};

/*
 * Starts the hooks of that moment, if there are any, and does not wait for them. Returns a pidfd
 * of the process that runs them, or -1 without hooks; when it cannot be made, the audit log has
 * that.
 */
int hook_start(const char *root, const char *id, const struct policy *policy,
	       const struct hook_event *event);

/* As hook_start, and waits until they ended, no longer than they may take. */
void hook_run(const char *root, const char *id, const struct policy *policy,
	      const struct hook_event *event);
