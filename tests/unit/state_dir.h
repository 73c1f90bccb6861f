/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state root of its own for a test, with the directory of one container in it.
 */
#pragma once

#include <stdlib.h>

#include "base/text.h"
#include "check.h"
#include "orlop/auto.h"
#include "orlop/state.h"

/* Makes the root from a template of mkdtemp and claims "web" in it; the container's directory. */
static inline int state_dir_make(char *top)
{
	auto_fd int root = -1;
	int dir = -1;
	struct err e;

	if (!mkdtemp(top))
		exit(99);
	root = state_open_root(top, false, &e);
	CHECK(root >= 0 && state_claim(root, "web", &dir, &e) == 0, "%s", e.text);
	return dir;
}

/* The root is gone with all that is in it. */
static inline void state_dir_remove(const char *top)
{
	auto_arena a = ARENA_NONE;

	CHECK(system(arena_printf(&a, "rm -rf %s", top)) == 0);
}
