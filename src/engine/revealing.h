/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Without pivot_root the host's mounts stay in the container's mount namespace, where
 * nobody sees them. Whoever may make a user namespace in the container could mount a bare proc or
 * sysfs, past all masks, as long as the kernel finds a whole one among them (mount_too_revealing()
 * in fs/namespace.c).
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

/* Where this mount namespace has a whole proc or sysfs, the topmost first; in the arena. 0 or -1. */
int revealing_mounts(struct arena *a, struct str_list *ret, struct err *e)
	__attribute__((warn_unused_result));
