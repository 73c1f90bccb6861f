/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The criu that carries out one request: started where it has to be, and its end.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "engine/criu.h"
#include "orlop/err.h"

/* The number that the first descriptor to inherit has in criu, those after it count on. */
enum { CRIU_FIRST_FD = 4 };

struct criu_process {
	const struct criu_request *r;
	pid_t pid;
	int pidfd, socket;		/* -1 */
};

/*
 * Starts it, in the namespaces and the cgroup that the request names; it does nothing before it is
 * asked to. criu_process_end has to follow, also after an error.
 */
int criu_process_start(struct criu_process *p, struct err *e) __attribute__((warn_unused_result));

/* Processor time of all in the request's group, criu too: when it stays, nothing moves. */
uint64_t criu_process_group_used(const struct criu_process *p);

/* Lets no file of criu's grow any more: it ends as it does when a disk is full. */
void criu_process_starve(const struct criu_process *p);

/*
 * What it and the processes that it has now used of the processor, in nanoseconds: less than before
 * when one of them ended.
 */
int64_t criu_process_used(const struct criu_process *p);

/* Ends criu at once, its processes' group being asked to freeze before. */
void criu_process_kill(struct criu_process *p);

/*
 * Closes the socket, without which it gives up what it was doing, and waits for its end, for as
 * long as that takes: one that is killed leaves processes stopped. Returns its exit status, 128 + n
 * when signal n ended it.
 */
int criu_process_end(struct criu_process *p);
