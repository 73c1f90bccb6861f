/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The programs of a cut and where they are attached. Whether a kernel has a place is
 * found out by attaching there, never by a version.
 */
#include "guard/netcut.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/bpf.h"
#include "orlop/auto.h"

enum { ATTACHED_MAX = 64, REPLACE_TRIES = 4 };

/* Younger than the headers that we are built with (Linux 6.7). */
enum { ATTACH_UNIX_CONNECT = 49, ATTACH_UNIX_SENDMSG = 50 };

const struct netcut_hook netcut_hooks[NETCUT_HOOKS] = {
	{ "egress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, NETCUT_EGRESS, .vital = true },
	{ "ingress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, NETCUT_INGRESS,
	  .vital = true },
	{ "sock", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, NETCUT_NOTHING,
	  .only_without_rules = true },
	{ "connect4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, NETCUT_ADDRESS4 },
	{ "connect6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT, NETCUT_ADDRESS6 },
	{ "send4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG, NETCUT_ADDRESS4 },
	{ "send6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_SENDMSG, NETCUT_ADDRESS6 },
	{ "unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, (enum bpf_attach_type)ATTACH_UNIX_CONNECT,
	  NETCUT_NOTHING },
	{ "unixs", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, (enum bpf_attach_type)ATTACH_UNIX_SENDMSG,
	  NETCUT_NOTHING },
	{ "dev", BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, NETCUT_NOTHING },
};

static void not_done(struct guard_mechanism *line, enum guard_outcome outcome, const char *what,
		     int code, struct arena *a)
{
	line->outcome = outcome;
	line->detail = arena_printf(a, "%s: %s", what, err_errno_text(code));
}

static const char *advice(const struct netcut_hook *hook, bool loaded, int code)
{
	if (code == EINVAL)
		return ": this kernel has no such place";
	if (code == EPERM && loaded)
		return ": a program on a cgroup above allows no others";
	/* Then it is so at every place: once is enough. */
	if (!hook->vital)
		return "";
	if (code == EPERM)
		return ": orlop needs CAP_BPF, CAP_NET_ADMIN and a caller that may use bpf(2)";
	return code == ENOSYS ? ": no bpf(2) in this kernel, or orlop's caller may not use it" : "";
}

static void not_put(struct guard_mechanism *line, const struct netcut_hook *hook, bool loaded,
		    int code, struct arena *a)
{
	bool lacks = code == EINVAL || code == ENOSYS;

	not_done(line, lacks ? GUARD_UNSUPPORTED : GUARD_FAILED, loaded ? "attach" : "load", code,
		 a);
	line->detail = arena_printf(a, "%s%s", line->detail, advice(hook, loaded, code));
}

/*
 * Ours at that place other than `own`: how many; detached when that is wanted. -1 and errno.
 * *ret_there says whether `own` is there.
 */
static int others(int group, const struct netcut_hook *hook, uint32_t own, bool detach,
		  bool *ret_there)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	int count = bpf_query(group, hook->attach, ids, ATTACHED_MAX), found = 0;

	*ret_there = false;
	if (count > ATTACHED_MAX)
		count = ATTACHED_MAX;
	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		char name[BPF_OBJ_NAME_LEN];
		auto_fd int program = ids[i] == own ? -1 : bpf_open(ids[i], name);

		*ret_there |= ids[i] == own;
		if (ids[i] == own || (program < 0 && errno == ENOENT))
			continue;
		if (program < 0)
			return -1;
		if (strncmp(name, NETCUT_PREFIX, strlen(NETCUT_PREFIX)) != 0)
			continue;
		found++;
		if (detach && bpf_detach(group, hook->attach, program) < 0 && errno != ENOENT)
			return -1;
	}
	return found;
}

int netcut_present(int group, const struct netcut_hook *hook)
{
	bool there;
	int found = others(group, hook, 0, false, &there);

	return found < 0 ? -1 : found > 0;
}

int netcut_load(const struct netcut_hook *hook, const struct netcut_rule *rules, size_t count,
		struct arena *a, struct guard_mechanism *line)
{
	struct bpf_insn code[NETCUT_CODE_MAX];
	char name[BPF_OBJ_NAME_LEN];
	int program;

	line->name = hook->name;
	line->detail = NULL;
	snprintf(name, sizeof(name), NETCUT_PREFIX "%.5s", hook->name);
	program = bpf_load(hook->type, hook->attach, name, code,
			   netcut_code(hook->kind, rules, count, code), NULL, 0);
	if (program < 0)
		not_put(line, hook, false, errno, a);
	return program;
}

void netcut_attach(int group, const struct netcut_hook *hook, int program, struct arena *a,
		   struct guard_mechanism *line)
{
	char name[BPF_OBJ_NAME_LEN];
	bool there = false;
	uint32_t own;

	if (bpf_attach(group, hook->attach, program) < 0) {
		not_put(line, hook, true, errno, a);
		return;
	}
	if (bpf_identify(program, &own, name) < 0) {
		not_done(line, GUARD_FAILED, "read back", errno, a);
		return;
	}
	for (int i = 0; i < REPLACE_TRIES; i++) {
		int left = others(group, hook, own, true, &there);

		if (left < 0) {
			not_done(line, GUARD_FAILED, "replace", errno, a);
			return;
		}
		if (left == 0)
			break;
	}
	line->outcome = there ? GUARD_APPLIED : GUARD_FAILED;
	if (line->outcome == GUARD_FAILED)
		line->detail = "taken away by somebody else";
}

void netcut_undo(int group, const struct netcut_hook *hook, struct arena *a,
		 struct guard_mechanism *line)
{
	bool there;

	line->name = hook->name;
	line->detail = NULL;
	for (int i = 0; i < REPLACE_TRIES; i++) {
		int found = others(group, hook, 0, true, &there);

		if (found < 0) {
			not_done(line, errno == EINVAL ? GUARD_UNSUPPORTED : GUARD_FAILED, "detach",
				 errno, a);
			if (line->outcome == GUARD_UNSUPPORTED)
				line->detail = "this kernel has no such place";
			return;
		}
		if (found == 0) {
			line->outcome = GUARD_APPLIED;
			return;
		}
	}
	line->outcome = GUARD_FAILED;
	line->detail = "somebody else attaches it again";
}
