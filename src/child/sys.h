/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The system calls that the steps use and that are more than one line.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "orlop/syscall.h"

enum { OPENAT2_TRIES = 128 };

/* openat2 beneath `dir`; a race with a rename or mount (EAGAIN) is tried again, bounded. */
static inline int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };
	long fd = -1;

	for (int i = 0; i < OPENAT2_TRIES; i++) {
		fd = SYS(openat2, dir, path, &how, sizeof(how));
		if (fd != -EAGAIN && fd != -EINTR)
			break;
	}
	return (int)fd;
}

static inline int sys_close(int fd)
{
	return (int)SYS(close, fd);
}

static inline int sys_open_tree(int dir, const char *path, unsigned flags)
{
	return (int)SYS(open_tree, dir, path, flags);
}

/* Attaches the mount behind one descriptor at the place behind another. */
static inline int sys_attach(int mount, int target)
{
	return (int)SYS(move_mount, mount, "", target, "",
			MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* Attaches it to a name in a directory; a link of that name is not followed. */
static inline int sys_attach_to(int mount, int dir, const char *name)
{
	return (int)SYS(move_mount, mount, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH);
}

static inline int sys_mount_setattr(int mount, unsigned flags, uint64_t set, uint64_t clear,
				    uint64_t propagation)
{
	struct mount_attr attr = {
		.attr_set = set, .attr_clr = clear, .propagation = propagation,
	};

	return (int)SYS(mount_setattr, mount, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr));
}

#ifndef __NR_open_tree_attr
#define __NR_open_tree_attr 467		/* Linux 6.15, the same everywhere */
#endif

/*
 * A detached clone of what `name` in `dir` is, or of `dir` itself when it is empty, with attributes
 * set: in one call where there is one.
 * `recursive` is AT_RECURSIVE, for the clone and the attributes, or 0.
 */
static inline int sys_open_tree_attr(int dir, const char *name, unsigned recursive, uint64_t set)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive;
	struct mount_attr attr = { .attr_set = set };
	int tree = (int)SYS(open_tree_attr, dir, name, flags, &attr, sizeof(attr)), error;

	if (tree != -ENOSYS)
		return tree;
	tree = sys_open_tree(dir, name, flags);
	if (tree < 0)
		return tree;
	error = sys_mount_setattr(tree, recursive, set, 0, 0);
	return error < 0 ? error : tree;
}

/* Closes every descriptor from `first` on. */
static inline void sys_close_from(unsigned first)
{
	SYS(close_range, first, ~0U, 0);
}

_Noreturn static inline void sys_exit(int status)
{
	/* A seccomp filter may refuse even that; the fault of an instruction no filter sees. */
	for (;;) {
		SYS(exit_group, status);
		__builtin_trap();
	}
}

typedef void (*sys_handler)(int number);

#define SYS_DEFAULT ((sys_handler)0)
#define SYS_IGNORE ((sys_handler)1)

/* A handler may not return: there is no code to return through. */
static inline int sys_signal(int number, sys_handler handler)
{
	const struct {
		sys_handler handler;
		unsigned long flags;
		sys_handler restorer;
		uint64_t mask;
	} action = { handler, 0x04000000 /* SA_RESTORER, which x86 asks for */, handler, 0 };

	return (int)SYS(rt_sigaction, number, &action, NULL, sizeof(action.mask));
}
