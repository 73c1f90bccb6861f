/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Drift of a group of processes that somebody else found: evidence looks while it
 * holds the container still.
 */
#pragma once

#include "guard/code.h"

struct drift_group {
	const pid_t *pids;
	size_t count;
	pid_t first;			/* the container's first process; 0: not known */
	bool waiting;			/* that one waits for start */
	const char *created;		/* as the record has it, or NULL */
};

/* Fills *ret; memory is the arena's. A process that ends meanwhile is left out. */
void drift_look(const struct drift_group *g, struct arena *a, struct drift *ret);
