/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A new process without a copy of this one: clone3 with CLONE_VM and CLONE_VFORK, on
 * a stack of its own, which executes a file at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct clone_request {
	uint64_t flags;		/* CLONE_NEW* and the like; VM, VFORK, PIDFD are added */
	int cgroup;		/* be born in it (CLONE_INTO_CGROUP); -1: in ours */
	int image;		/* descriptor of the file to execute */
	char *const *argv;	/* its arguments; the environment is empty */
	const int *fds;		/* what the program gets, in the order in which it gets it ... */
	size_t fd_count;
	int fd_base;		/* ... at descriptors fd_base, fd_base + 1, ...; below: as ours */
	/*
	 * The process waits for a message on fds[0] before it executes: something has to be done to
	 * it first. It runs on a copy of our memory, and an error of the execution is its exit
	 * status 127.
	 */
	bool waits;
	/*
	 * It becomes root of its new user namespace before it executes, because execution takes all
	 * rights from an id that is not mapped. With `waits` alone: the maps have to be there.
	 */
	bool becomes_root;
};

/*
 * Starts it; every descriptor that is not in the list and not marked to be inherited is closed by
 * the execution. Returns the pid and *ret_pidfd, or -1 and errno, which is the execution's when
 * the process could be made but not the program started.
 */
pid_t clone_program(const struct clone_request *r, int *ret_pidfd)
	__attribute__((warn_unused_result));
