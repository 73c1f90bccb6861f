/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A new network namespace, made on another processor while we prepare everything
 * else: the kernel takes as long for it as for all the rest of a container together, and clone3
 * would make us wait. There is one at a time.
 */
#pragma once

#include <stdbool.h>

#include "orlop/err.h"

/*
 * Begins to make a network namespace that belongs to our own user namespace, with its loopback up,
 * if another processor is idle.
 */
void network_ns_begin(void);

/*
 * Whether it is under way. If not, because nothing was begun or the other processors had no time
 * for it yet, it is given up, and clone3 has to make one.
 */
bool network_ns_comes(void);

/*
 * Waits for one that comes, and has it sent over a socket with `bytes`; that nobody is there to
 * receive it is no error. -1 and *e where it could not be made or sent. Once only.
 */
int network_ns_send(int socket, const void *bytes, size_t len, struct err *e)
	__attribute__((warn_unused_result));

/* Gives up what was begun and not sent. */
void network_ns_end(void);
