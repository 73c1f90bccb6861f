/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The id maps of a new user namespace, written while its process waits for them.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "orlop/err.h"
#include "orlop/plan.h"

struct id_maps {
	const struct id_map_list *uids, *gids;
	const char *uids_by, *gids_by;	/* programs that have the right to; NULL: we do */
	bool deny_setgroups;
};

/*
 * Writes them for our child `pid`, through a procfs as procfs_open gives it. A program that refuses
 * is named, with its words.
 */
int id_maps_write(const struct id_maps *maps, int procfs, pid_t pid, struct err *e)
	__attribute__((warn_unused_result));
