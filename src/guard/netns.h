/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The container's network namespace: entered for moments, and cut at its interfaces
 * where programs on the cgroup do not reach (packet sockets, sockets from outside). Programs at an
 * interface (tcx, Linux 6.6) see everything that is sent through it but what asked to go around
 * the queues; they leave routes and addresses alone, and nobody in the container can take them
 * away. Taking the interfaces down would stop more, and lose routes and IPv6 addresses.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "orlop/guard.h"

/* The namespace of a process, a descriptor; -1 and errno. *ret_inode names it. */
int netns_open(pid_t pid, uint64_t *ret_inode) __attribute__((warn_unused_result));

/* Enters; returns what netns_leave takes, or -1 and errno. */
int netns_enter(int netns) __attribute__((warn_unused_result));

/* Goes back and closes `before`. That cannot fail; if it did, the program would end. */
void netns_leave(int before);

/* The program that cuts, a descriptor; -1 and errno. */
int netns_load(void) __attribute__((warn_unused_result));

/* Cuts every interface of the namespace but lo. */
void netns_cut(int netns, int program, struct arena *a, struct guard_mechanism *line);

/* Says in `line` what was not possible and why. */
void netns_not(const char *what, int code, struct arena *a, struct guard_mechanism *line);

/* Takes that back. */
void netns_uncut(int netns, struct arena *a, struct guard_mechanism *line);
