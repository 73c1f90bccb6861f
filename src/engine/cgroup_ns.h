/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A second cgroup namespace that sees all that the first one sees. Mounting cgroup2 in
 * the first one changes the options of the whole machine ("nsdelegate"), for everybody and at once;
 * criu does that, and several may be at work. In any other namespace it changes nothing.
 */
#pragma once

#include "orlop/err.h"

enum { CGROUP_NS_NONE = -2 };

/*
 * A descriptor of one; CGROUP_NS_NONE when we are not in the first one, and nothing is to be done;
 * -1. `mount` is the host's cgroup2.
 */
int cgroup_ns_twin(const char *mount, struct err *e) __attribute__((warn_unused_result));
