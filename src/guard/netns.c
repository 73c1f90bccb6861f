/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/bpf.h"
#include "guard/netcut.h"
#include "guard/tasks.h"
#include "orlop/auto.h"

/* Younger than the headers that we are built with (Linux 6.6). */
enum { ATTACH_TCX_INGRESS = 46, ATTACH_TCX_EGRESS = 47, DROP_PACKET = 2, ATTACHED_MAX = 64 };

static const enum bpf_attach_type sides[] = {
	(enum bpf_attach_type)ATTACH_TCX_EGRESS, (enum bpf_attach_type)ATTACH_TCX_INGRESS,
};

int netns_open(pid_t pid, uint64_t *ret_inode)
{
	auto_fd int proc = tasks_open(pid);
	auto_fd int fd = proc < 0 ? -1 : openat(proc, "ns/net", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	*ret_inode = st.st_ino;
	return take_fd(&fd);
}

int netns_enter(int netns)
{
	auto_fd int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (before < 0 || setns(netns, CLONE_NEWNET) < 0)
		return -1;
	return take_fd(&before);
}

void netns_leave(int before)
{
	BUG_ON(setns(before, CLONE_NEWNET) < 0);
	close(before);
}

int netns_load(void)
{
	/* Two instructions: drop. */
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = DROP_PACKET },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_load(BPF_PROG_TYPE_SCHED_CLS, (enum bpf_attach_type)0, NETCUT_PREFIX "net", code,
			ARRAY_LEN(code), NULL, 0);
}

/* Ours on one side of an interface: how many, after detaching them when that is wanted; -1. */
static int ours(unsigned number, enum bpf_attach_type side, bool detach)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	int count = bpf_query_interface(number, side, ids, ATTACHED_MAX), found = 0;

	for (int i = 0; i < count && i < ATTACHED_MAX; i++) {
		char name[BPF_OBJ_NAME_LEN];
		auto_fd int program = bpf_open(ids[i], name);

		if (program < 0 && errno == ENOENT)
			continue;
		if (program < 0)
			return -1;
		if (strncmp(name, NETCUT_PREFIX, strlen(NETCUT_PREFIX)) != 0)
			continue;
		if (detach && bpf_detach_interface(number, side, program) < 0 && errno != ENOENT)
			return -1;
		found++;
	}
	return count < 0 ? -1 : found;
}

static int cut_one(const struct if_nameindex *interface, int program)
{
	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		int there = ours(interface->if_index, sides[i], false);

		if (there < 0 ||
		    (there == 0 &&
		     (bpf_attach_interface(interface->if_index, sides[i], program) < 0 ||
		      ours(interface->if_index, sides[i], false) != 1)))
			return -1;
	}
	return 0;
}

static int uncut_one(const struct if_nameindex *interface, int program)
{
	(void)program;
	for (size_t i = 0; i < ARRAY_LEN(sides); i++)
		if (ours(interface->if_index, sides[i], true) < 0 ||
		    ours(interface->if_index, sides[i], false) != 0)
			return -1;
	return 0;
}

/* Does it for every interface but lo. The number of them, or -1 and errno. */
static int each(int (*one)(const struct if_nameindex *interface, int program), int program)
{
	struct if_nameindex *all = if_nameindex();
	int count = 0;

	for (size_t i = 0; all && all[i].if_index && count >= 0; i++) {
		if (strcmp(all[i].if_name, "lo") == 0)
			continue;
		count = one(&all[i], program) < 0 ? -1 : count + 1;
	}
	if (all)
		if_freenameindex(all);
	return all ? count : -1;
}

static void act(int netns, int program, struct arena *a, struct guard_mechanism *line)
{
	int before = netns_enter(netns);
	int count = before < 0 ? -1 : each(program >= 0 ? cut_one : uncut_one, program);
	int code = errno;

	if (before >= 0)
		netns_leave(before);
	if (count >= 0) {
		line->outcome = GUARD_APPLIED;
		line->detail = arena_printf(a, "%d interface%s", count, count == 1 ? "" : "s");
		return;
	}
	netns_not(before < 0 ? "entering the network namespace" : "tcx", code, a, line);
}

void netns_not(const char *what, int code, struct arena *a, struct guard_mechanism *line)
{
	bool lacks = code == EINVAL || code == EOPNOTSUPP || code == ENOSYS;

	line->outcome = lacks ? GUARD_UNSUPPORTED : GUARD_FAILED;
	line->detail = arena_printf(a, "%s: %s%s", what, err_errno_text(code),
				    code == EINVAL ? ": this kernel has no such place (Linux 6.6)" : "");
}

void netns_cut(int netns, int program, struct arena *a, struct guard_mechanism *line)
{
	act(netns, program, a, line);
}

void netns_uncut(int netns, struct arena *a, struct guard_mechanism *line)
{
	act(netns, -1, a, line);
}
