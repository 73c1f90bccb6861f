/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is around a container's process: its directory, cgroup or scope, resctrl group and
 * start.sock, and what it needs of files that others own.
 */
#pragma once

#include "life/making.h"

/*
 * Makes it; the inverses are on the undo list. With `listener` there is a start.sock. The id is
 * taken from here on.
 */
int making_place_make(struct making *c, bool listener, struct err *e)
	__attribute__((warn_unused_result));
