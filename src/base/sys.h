/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that glibc 2.36 has no wrapper for, one inline each; -1 and errno as usual.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { SYS_OPENAT2_TRIES = 64 };

/*
 * openat2(2), Linux 5.6. EAGAIN means that a rename or mount raced with the walk: tried again a
 * bounded number of times, because on a busy machine it is not an attack.
 */
static inline int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode,
			      uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve };
	int fd = -1;

	for (int i = 0; i < SYS_OPENAT2_TRIES; i++) {
		fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd;
}

/* clone3(2), Linux 5.3. */
static inline pid_t sys_clone3(struct clone_args *args)
{
	return (pid_t)syscall(SYS_clone3, args, sizeof(*args));
}
