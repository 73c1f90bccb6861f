/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The attributes of a bind mount, which has some already: its source's.
 */
#pragma once

#include <stdbool.h>

#include "child/child.h"

/*
 * Gives the detached clone `fd` what the plan says of this mount alone. In a user namespace the
 * attributes of the host's mount are locked, also where the runtime made the clone: asking for
 * less than it has is -EPERM, and what is only not named stays. 0 or a negative errno.
 */
int bind_attribute(const struct child_mount *m, int fd, bool in_user_ns);
