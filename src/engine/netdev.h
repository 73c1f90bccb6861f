/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Network devices of the host that go to the container (linux.netDevices): moved,
 * renamed, given their addresses again, and set up; managed no further. They come back only when
 * the container could not be made, never when it ends.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/plan.h"

struct netdev_move;

/* What was moved, and what it takes to move it back. */
struct netdev_moves {
	int ns;				/* the container's network namespace; -1 */
	struct netdev_move *items;
	size_t count;
};

#define NETDEV_MOVES_NONE ((struct netdev_moves){ .ns = -1 })

/*
 * Moves the plan's devices from this process's network namespace to that behind `ns`, which is
 * taken. On an error those before it, and the one itself where it went so far, are in *ret and can
 * be moved back. The error names the device.
 */
int netdev_move_all(const struct plan *plan, int ns, struct arena *a, struct netdev_moves *ret,
		    struct err *e) __attribute__((warn_unused_result));

/* Moves everything back as it was, newest first; says of each that cannot be why. Forgets them. */
void netdev_move_back(struct netdev_moves *moves, void (*warn)(const char *text));

/* Forgets them: they are the container's now. */
void netdev_leave(struct netdev_moves *moves);
