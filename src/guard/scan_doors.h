/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets of others that a container which goes on may connect to. Since Linux 6.7 a program
 * on its cgroup refuses that; before, all that can be done is to look whether there is one.
 */
#pragma once

#include "base/mounts.h"
#include "guard/scan_open.h"
#include "guard/sockdiag.h"

/* Adds what there is to the findings, if it is observed and `unix` had no place. */
void scan_doors(struct scan *s);

/*
 * PURE. Whether the file of a socket that was bound under this name among the mounts `theirs` is to
 * be seen among the mounts `inside`. Where the name does not tell where in its file system it is,
 * yes, if the file system is there at all.
 */
bool scan_door_is_seen(const struct sockdiag_door *door, const struct mounts *theirs,
		       const struct mounts *inside);
