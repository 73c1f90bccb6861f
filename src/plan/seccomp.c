/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Whether the seccomp rules make sense together. The plan keeps them as rules; turning them
 * into a program is the engine's work, because its bytes depend on the library.
 */
#include "plan/planner.h"

#include <string.h>

enum { ERRNO_MAX = 4095, TRACE_MAX = 65535, SYSCALL_ARGS = 6 };

static int check_errno(struct planner *p, unsigned line, const char *at,
		       enum oci_seccomp_action action, const struct opt_u32 *value)
{
	uint32_t max = action == OCI_SECCOMP_TRACE ? TRACE_MAX : ERRNO_MAX;

	if (!value->set)
		return 0;
	if (action != OCI_SECCOMP_ERRNO && action != OCI_SECCOMP_TRACE)
		return plan_refuse(p, line, at, "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take a value");
	if (value->value > max)
		return plan_refuse(p, line, at, "%u is more than %u", value->value, max);
	return 0;
}

static int check_rule(struct planner *p, const struct oci_seccomp_rule *r, const char *at)
{
	if (!r->names.count)
		return plan_refuse(p, r->line, plan_at(p, "%s.names", at), "is empty");
	if (check_errno(p, r->line, plan_at(p, "%s.errnoRet", at), r->action, &r->errno_ret))
		return -1;
	for (size_t i = 0; i < r->args.count; i++) {
		if (r->args.items[i].index >= SYSCALL_ARGS)
			return plan_refuse(p, r->line, plan_at(p, "%s.args[%zu].index", at, i),
					   "%u: a system call has arguments 0 to 5",
					   r->args.items[i].index);
	}
	/* The process tells of its progress by write: a listener would wait for itself. */
	for (size_t i = 0; r->action == OCI_SECCOMP_NOTIFY && i < r->names.count; i++) {
		if (strcmp(r->names.items[i], "write") == 0)
			return plan_refuse(p, r->line, plan_at(p, "%s.names[%zu]", at, i),
					   "SCMP_ACT_NOTIFY cannot be used for the write syscall");
	}
	return 0;
}

static int check_listener(struct planner *p, const struct oci_seccomp *s, bool notify)
{
	const char *path = s->listener_path;

	if (s->listener_metadata && *s->listener_metadata && (!path || !*path))
		return plan_refuse(p, s->line, "linux.seccomp.listenerMetadata",
				   "needs linux.seccomp.listenerPath");
	if (!notify)
		return 0;
	if (!path || !*path)
		return plan_refuse(p, s->line, "linux.seccomp.listenerPath", "seccomp listenerPath is "
				   "not set, and a rule has the action SCMP_ACT_NOTIFY");
	if (path[0] != '/' && path[0] != '@')
		return plan_refuse(p, s->line, "linux.seccomp.listenerPath", "must be an absolute path, or "
				   "begin with @ for an abstract socket");
	return 0;
}

int plan_check_seccomp(struct planner *p, const struct oci_seccomp *s)
{
	uint32_t unknown = s->flags & ~p->facts->seccomp_flags;
	bool notify = false;

	if (s->default_action == OCI_SECCOMP_NOTIFY)
		return plan_refuse(p, s->line, "linux.seccomp.defaultAction",
				   "SCMP_ACT_NOTIFY cannot be used as default action");
	if (check_errno(p, s->line, "linux.seccomp.defaultErrnoRet", s->default_action,
			&s->default_errno))
		return -1;
	for (size_t i = 0; i < s->rules.count; i++) {
		if (check_rule(p, &s->rules.items[i], plan_at(p, "linux.seccomp.syscalls[%zu]", i)))
			return -1;
		notify = notify || s->rules.items[i].action == OCI_SECCOMP_NOTIFY;
	}
	if (check_listener(p, s, notify))
		return -1;
	if (unknown)
		return plan_refuse(p, s->line, "linux.seccomp.flags",
				   "this kernel does not know the filter flag 0x%x", unknown);
	return 0;
}

int plan_seccomp(struct planner *p)
{
	const struct oci_seccomp *s = &p->config->linux.seccomp;

	if (!s->set) {
		plan_because(p, "default: linux.seccomp is absent", "seccomp none");
		return 0;
	}
	if (plan_check_seccomp(p, s))
		return -1;
	p->plan->seccomp = s;
	plan_because_of(p, s->line, "linux.seccomp", "seccomp ");
	if (s->listener_path)
		plan_because_of(p, s->line, "linux.seccomp.listenerPath", "seccomp-listener ");
	return 0;
}
