/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process is meant: a pid alone is recycled, a pid with its start time and the boot is not.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum { BOOT_ID_LEN = 36, IDENTITY_GONE = 1 };

/* This boot's id, terminated; -1 and errno. */
int identity_boot(char ret[BOOT_ID_LEN + 1]) __attribute__((warn_unused_result));

/*
 * A process's start time in clock ticks since the boot, and its state letter. 0; IDENTITY_GONE
 * when there is no such process; -1 and errno when /proc cannot say.
 */
int identity_start(pid_t pid, uint64_t *ret_start, char *ret_letter)
	__attribute__((warn_unused_result));
