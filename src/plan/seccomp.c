/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Whether the seccomp rules make sense together. The plan keeps them as rules; turning them
 * into a program is the engine's work, because its bytes depend on the library.
 */
#include "plan/planner.h"

#include <string.h>

#include "oci/words.h"

/* The process tells of its progress by write: the listener would wait for what waits for it. */
static int check_rule(struct planner *p, const struct oci_seccomp_rule *r, const char *at)
{
	for (size_t i = 0; r->action == OCI_SECCOMP_NOTIFY && i < r->names.count; i++) {
		if (strcmp(r->names.items[i], "write") == 0)
			return plan_refuse(p, r->line, plan_at(p, "%s.names[%zu]", at, i),
					   "SCMP_ACT_NOTIFY cannot be used for the write syscall");
	}
	return 0;
}

static int check_listener(struct planner *p, const struct oci_seccomp *s, const char *at)
{
	const char *path = s->listener_path;

	if (!path)
		return plan_refuse(p, s->line, plan_at(p, "%s.listenerPath", at),
				   "seccomp listenerPath is "
				   "not set, and a rule has the action SCMP_ACT_NOTIFY");
	if (path[0] != '/' && path[0] != '@')
		return plan_refuse(p, s->line, plan_at(p, "%s.listenerPath", at),
				   "must be an absolute path, or "
				   "begin with @ for an abstract socket");
	return 0;
}

int plan_check_seccomp(struct planner *p, const struct oci_seccomp *s, const char *at)
{
	uint32_t unknown = s->flags & ~p->facts->seccomp_flags;
	const char *flag = names_word(words_seccomp_flags, unknown & -unknown);
	bool notify = false;

	if (s->default_action == OCI_SECCOMP_NOTIFY)
		return plan_refuse(p, s->line, plan_at(p, "%s.defaultAction", at),
				   "SCMP_ACT_NOTIFY cannot be used as default action");
	for (size_t i = 0; i < s->rules.count; i++) {
		if (check_rule(p, &s->rules.items[i], plan_at(p, "%s.syscalls[%zu]", at, i)))
			return -1;
		notify = notify || s->rules.items[i].action == OCI_SECCOMP_NOTIFY;
	}
	if (notify && check_listener(p, s, at))
		return -1;
	if (unknown)
		return plan_refuse(p, s->line, plan_at(p, "%s.flags", at),
				   "this kernel does not know the filter flag %s", flag);
	return 0;
}

const struct oci_seccomp *plan_copy_seccomp(struct planner *p, const struct oci_seccomp *s)
{
	struct oci_seccomp *copy = arena_new(p->a, struct oci_seccomp);

	*copy = *s;
	return copy;
}

int plan_seccomp(struct planner *p)
{
	const struct oci_seccomp *s = &p->config->linux.seccomp;

	if (!s->set) {
		plan_because(p, "default: linux.seccomp is absent", "seccomp none");
		return 0;
	}
	if (plan_check_seccomp(p, s, "linux.seccomp"))
		return -1;
	p->plan->seccomp = plan_copy_seccomp(p, s);
	plan_because_of(p, s->line, "linux.seccomp", "seccomp ");
	if (s->listener_path)
		plan_because_of(p, s->line, "linux.seccomp.listenerPath", "seccomp-listener ");
	return 0;
}
