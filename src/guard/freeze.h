/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freezing in two halves, so that the rest of the containment is put in place in between.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orlop/err.h"

/* Writes the wish alone; what the kernel makes of it is for freeze_wait. 0 or -1. */
int freeze_ask(int group, bool frozen, struct err *e) __attribute__((warn_unused_result));

/*
 * Waits until cgroup.events says so, until `end` in nanoseconds of CLOCK_MONOTONIC. 0; 1 when the
 * time is over; -1.
 */
int freeze_wait(int group, bool frozen, uint64_t end, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Makes this process more important than those that it has to get hold of, as far as it may.
 * Returns what freeze_calm takes to undo that.
 */
int freeze_hurry(void);
void freeze_calm(int before);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t freeze_now(void);
