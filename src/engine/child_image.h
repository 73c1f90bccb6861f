/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The child program, embedded.
 */
#pragma once

#include <stdbool.h>

#include "orlop/err.h"

/*
 * A sealed memfd that holds the child program with the plan as its last segment: private to this
 * run, impossible to write, so that what a container finds behind /proc/PID/exe leads nowhere.
 * Closed by the caller.
 */
int child_image_open(const void *plan, size_t plan_len, struct err *e)
	__attribute__((warn_unused_result));

/* Whether a file is the child program with some plan, whatever it is called. */
bool child_image_is(int fd);
