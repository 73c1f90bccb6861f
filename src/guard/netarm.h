/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cut that is in place before it is needed: the programs are on the group from its beginning and
 * let everything through, until one number in a map says otherwise. What they are is written down
 * in the container's directory (the file "armed"): the ids of the map and of the program at each
 * place. They go with the group.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "guard/netcut.h"

struct netarm {
	int map;			/* -1: it is not armed */
	uint32_t ids[NETCUT_HOOKS];	/* of the programs; 0: this kernel has no such place */
};

#define NETARM_NONE ((struct netarm){ .map = -1 })

/* What the directory says was armed; NETARM_NONE when nothing was, or it is not there any more. */
void netarm_open(int dir, struct netarm *ret);

void netarm_close(struct netarm *arm);

#define auto_netarm __attribute__((cleanup(netarm_close))) struct netarm

/* Cuts, or lets through again, and reads that back. 0 or -1 and errno. */
int netarm_set(const struct netarm *arm, bool cut) __attribute__((warn_unused_result));

/* Whether it cuts now. */
bool netarm_cuts(const struct netarm *arm);

/*
 * Whether the program for this place is attached there; *ret_others tells whether there are more.
 */
bool netarm_holds(const struct netarm *arm, int group, size_t hook, bool *ret_others);
