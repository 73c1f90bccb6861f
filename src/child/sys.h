/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. System calls without a C library: each returns what the kernel returned, so a
 * negative value is an errno. Only what the steps use is here.
 */
#pragma once

#include <asm/unistd.h>
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

#if defined(__x86_64__)
static inline long sys6(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long sys6(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}
#else
#error "the child program knows x86_64 and aarch64"
#endif

#define SYS_(number, a, b, c, d, e, f, ...) \
	sys6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS(name, ...) SYS_(__NR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

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
