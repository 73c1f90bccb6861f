/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Drift of a group of processes that somebody else found: evidence looks while it
 * holds the container still.
 */
#pragma once

#include "guard/code.h"
#include "orlop/state.h"

struct drift_group {
	const pid_t *pids;
	size_t count;
	bool waiting;			/* the container's first process waits for start */
	const struct state_record *record;	/* NULL: it cannot be read */
};

/* Fills *ret; memory is the arena's. A process that ends meanwhile is left out. */
void drift_look(const struct drift_group *g, struct arena *a, struct drift *ret);

/*
 * Adds the executable files of the overlay's upper directory whose content is not the image's, and
 * those that give privileges which the image's do not. After the processes: what one runs was told.
 */
void drift_files(const struct code_image *image, struct drift *d);

/*
 * Adds the listening sockets of the processes; of the network namespace that was made for the
 * container all there are. After the processes: who has drifted is known then.
 */
void drift_listeners(const struct drift_group *g, struct arena *a, struct drift *d);
