/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watcher of one container: two small processes that live as long as it does, only there when
 * its policy asks for them. One answers for the calls that are alarms and listens to the cgroup's
 * events; the other waits for the first one's death, which may be the attacker's work.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"

/* Below the container's directory: where listeners are handed over, and who the two are. */
#define WATCH_SOCKET "watch.sock"
#define WATCH_FILE "watch"

/*
 * Becomes the watcher of the container `id` below `root`: `socket` is bound and not listened at
 * yet, `ready` gets WATCH_READY when it watches, or why it cannot. Returns when the container has
 * ended: 0.
 */
#define WATCH_READY "ready"
int watch_run(const char *root, const char *id, int socket, int ready, struct err *e)
	__attribute__((warn_unused_result));

/* Ends the watcher of the container whose directory this is, if there is one. Waits a second. */
void watch_end(int dir);
