/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life/container.h"

/*
 * Makes the updates that waited while the container was in quarantine; `c` is locked. They do not
 * wait any more, also when they could not be made: -1 and *e.
 */
int update_pending(const struct life *l, struct container *c, struct arena *a,
		   struct err *e) __attribute__((warn_unused_result));
