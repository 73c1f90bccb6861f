/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one opening in the cut of a held container that criu needs: the code that it runs in a
 * process connects a unix socket to criu. While it is open nobody of the container executes
 * anything, and of unix sockets only those of packets in sequence may be connected; all else stays
 * cut.
 */
#pragma once

#include <stdbool.h>

#include "orlop/arena.h"

struct gap {
	int dir, group;			/* of the container */
	const char *id;
	bool open;
};

/* Opens it where there is a cut in the way. NULL, or why that cannot be done. */
const char *gap_open(struct gap *g, struct arena *a);

/*
 * Closes it and reads that back; takes everything away when the container was released meanwhile.
 * NULL, or what went wrong: then the container must not go on.
 */
const char *gap_close(struct gap *g, struct arena *a);
