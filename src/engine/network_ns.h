/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A new network namespace, made by a thread while the first one prepares everything
 * else: the kernel takes as long for it as for all the rest of a container together, and clone3
 * would make the caller wait.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "orlop/err.h"

/* It stays where it is while the thread runs. */
struct network_ns {
	bool begun;
	pthread_t thread;
	sem_t made;
	int fd;			/* of the namespace, once it was made; -1 */
	int error, loopback_error;
};

#define NETWORK_NS_NONE ((struct network_ns){ .fd = -1 })

/*
 * Begins to make a network namespace that belongs to our own user namespace, with its loopback up.
 * Where no processor is idle, or there can be no thread, `begun` stays false, and clone3 has to
 * make it: beside what keeps the others busy the thread would finish later than we could.
 */
void network_ns_begin(struct network_ns *n);

/* Waits until it was made. The descriptor is the caller's; -1 and *e. Once only. */
int network_ns_take(struct network_ns *n, struct err *e) __attribute__((warn_unused_result));

/* Waits for the thread to end. -1 and *e: the loopback could not be brought up. Once only. */
int network_ns_finish(struct network_ns *n, struct err *e) __attribute__((warn_unused_result));

/* Waits and gives up what was not taken. Also when it was not begun, or is finished. */
void network_ns_end(struct network_ns *n);
