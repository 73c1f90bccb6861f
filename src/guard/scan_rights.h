/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may make packet sockets, when it goes on.
 */
#pragma once

#include "engine/cgroup.h"

enum raw_right {
	RAW_NONE,
	RAW_GAINED,	/* by executing anything, as root does (capabilities(7)) */
	RAW_HELD,
};

/*
 * The strongest right to CAP_NET_RAW that a thread of these processes has, and the first process
 * with it in *ret_pid. What cannot be read counts as held. Programs of the image that have file
 * capabilities, or another owner's rights, are not looked for.
 */
enum raw_right rights_raw(const struct cgroup_pids *pids, pid_t *ret_pid);
