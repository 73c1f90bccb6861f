/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The options of the cgroup2 file system ("nsdelegate"). There is one of it on a
 * machine, and whoever mounts it anew without options takes them from everybody: criu does.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"

/* The options now, as /proc/self/mountinfo has them, of what is mounted there. NULL and *e. */
const char *cgroup_options(const char *mount, struct arena *a, struct err *e);

/* Sets them again when they are not these. */
int cgroup_options_keep(const char *mount, const char *options, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
