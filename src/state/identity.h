/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process is meant: a pid alone is recycled. Its pidfd's inode, or where there is none its
 * start time, is not, within one boot.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum { BOOT_ID_LEN = 36, IDENTITY_GONE = 1 };

/* This boot's id, terminated; -1 and errno. */
int identity_boot(char ret[BOOT_ID_LEN + 1]) __attribute__((warn_unused_result));

/*
 * A process's start time in clock ticks since the boot. 0; IDENTITY_GONE when there is no such
 * process; -1 and errno when /proc cannot say.
 */
int identity_start(pid_t pid, uint64_t *ret_start) __attribute__((warn_unused_result));

/*
 * The inode of a pidfd: no other process of this boot has it (pidfs, Linux 6.9); 0 where the kernel
 * has one inode for all. 0, or -1 and errno.
 */
int identity_inode(int pidfd, uint64_t *ret) __attribute__((warn_unused_result));
