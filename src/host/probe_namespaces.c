/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each namespace type is made once, by a child that ends at once. Without privileges each is made
 * inside a user namespace of its own, as a container without privileges would do it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "host/probe_parts.h"
#include "orlop/auto.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct {
	const char *word;
	int flag;
	enum probe_grade without;	/* what its absence means */
	const char *option;		/* of the kernel's configuration */
	const char *limit;
} types[] = {
	{ "mount", CLONE_NEWNS, PROBE_BAD, "CONFIG_NAMESPACES", "user.max_mnt_namespaces" },
	{ "pid", CLONE_NEWPID, PROBE_BAD, "CONFIG_PID_NS", "user.max_pid_namespaces" },
	{ "ipc", CLONE_NEWIPC, PROBE_BAD, "CONFIG_IPC_NS", "user.max_ipc_namespaces" },
	{ "uts", CLONE_NEWUTS, PROBE_BAD, "CONFIG_UTS_NS", "user.max_uts_namespaces" },
	{ "network", CLONE_NEWNET, PROBE_BAD, "CONFIG_NET_NS", "user.max_net_namespaces" },
	{ "cgroup", CLONE_NEWCGROUP, PROBE_BAD, "CONFIG_CGROUPS", "user.max_cgroup_namespaces" },
	{ "user", CLONE_NEWUSER, PROBE_NOTE, "CONFIG_USER_NS", "user.max_user_namespaces" },
	{ "time", CLONE_NEWTIME, PROBE_NOTE, "CONFIG_TIME_NS", "user.max_time_namespaces" },
};

static int make(void *flags)
{
	return unshare(*(int *)flags);
}

static const char *cure(struct probe *p, size_t type, int code)
{
	switch (code) {
	case ENOSPC:
	case EUSERS:
		return arena_printf(p->arena, "sysctl %s=10000 or more", types[type].limit);
	case EINVAL:
		return arena_printf(p->arena, "build the kernel with %s", types[type].option);
	}
	return geteuid() == 0 ? "grant CAP_SYS_ADMIN; allow unshare(2) in the filter around this" :
				"run as root, or allow user namespaces to users";
}

static void probe_types(struct probe *p)
{
	int inside = geteuid() == 0 ? 0 : CLONE_NEWUSER;
	struct text there = TEXT_IN(p->arena);

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		int flags = types[i].flag | inside;
		int code = probe_in_child(make, &flags);

		if (code)
			probe_not(p, types[i].without, "namespaces", cure(p, i, code),
				  "a new %s namespace cannot be made: %s", types[i].word,
				  err_errno_text(code));
		else
			text_printf(&there, "%s%s", there.len ? " " : "", types[i].word);
	}
	if (there.len)
		probe_ok(p, "namespaces", "%s", text_get(&there));
}

/* Restrictions that keep users from user namespaces; they do not concern root. */
static void probe_users(struct probe *p)
{
	const char *clone = probe_file(p, "/proc/sys/kernel/unprivileged_userns_clone");
	const char *apparmor = probe_file(p, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns");

	if (geteuid() == 0)
		return;
	if (clone && strcmp(clone, "0") == 0)
		probe_not(p, PROBE_BAD, "users", "sysctl kernel.unprivileged_userns_clone=1",
			  "users may not make user namespaces");
	if (apparmor && strcmp(apparmor, "1") == 0)
		probe_not(p, PROBE_NOTE, "users",
			  "give orlop an AppArmor profile with the permission \"userns\"",
			  "AppArmor restricts the user namespaces of users");
}

/* A child in a user namespace of its own, which waits to be ended. */
static pid_t start_mapped_child(void)
{
	int ready[2];
	char byte;
	pid_t child;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWUSER) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (child > 0 && read(ready[0], &byte, 1) != 1) {
		waitpid(child, NULL, 0);
		child = -1;
	}
	close(ready[0]);
	return child;
}

/* Maps its ids and returns a descriptor of its user namespace. */
static int open_user_ns(pid_t child)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)child);
	auto_fd int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 || file_write(dir, "uid_map", "0 100000 65536") ||
	    file_write(dir, "gid_map", "0 100000 65536"))
		return -1;
	return openat(dir, "ns/user", O_RDONLY | O_CLOEXEC);
}

/* 0 or an errno value: a detached copy of the root mount is given a mapping, and let go. */
static int map_root_mount(int user_ns)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)user_ns,
	};
	auto_fd int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/",
					OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return errno;
	return 0;
}

static void probe_idmap(struct probe *p)
{
	static const char topic[] = "id-mapped mounts";
	pid_t child;
	int code = 0;

	if (geteuid() != 0) {
		probe_not(p, PROBE_NOTE, topic, "run as root", "only root can make them");
		return;
	}
	child = start_mapped_child();
	if (child < 0) {
		probe_not(p, PROBE_NOTE, topic, "see the line about user namespaces",
			  "they need a user namespace");
		return;
	}
	auto_fd int user_ns = open_user_ns(child);

	code = user_ns < 0 ? errno : map_root_mount(user_ns);
	kill(child, SIGKILL);		/* ours, and not waited for by anybody else */
	waitpid(child, NULL, 0);
	if (code)
		probe_not(p, PROBE_NOTE, topic,
			  "keep images on a file system that can do it, such as ext4, xfs or btrfs",
			  "not on the root file system: %s", err_errno_text(code));
	else
		probe_ok(p, topic, "on the root file system");
}

void probe_namespaces(struct probe *p)
{
	probe_types(p);
	probe_users(p);
	probe_idmap(p);
}
