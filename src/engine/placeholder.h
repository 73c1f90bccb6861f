/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A process that does nothing: systemd makes no scope without one, and ends a scope
 * that has none left. It stands in until the container's own process was born there, and ends
 * with the process that made it, so that a scope whose maker was killed goes away by itself.
 */
#pragma once

#include <sys/types.h>

#include "orlop/err.h"

struct placeholder {
	pid_t pid;
};

#define PLACEHOLDER_NONE ((struct placeholder){ .pid = -1 })

/* Makes it: no descriptor of ours is open in it. */
int placeholder_start(struct placeholder *ret, struct err *e) __attribute__((warn_unused_result));

/* Kills and reaps it. Accepts PLACEHOLDER_NONE; may be repeated. */
void placeholder_end(struct placeholder *p);
