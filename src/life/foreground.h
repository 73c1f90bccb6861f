/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staying with a process until it ends: signals are passed on to it, its terminal is connected to
 * ours, orphans are reaped.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "life/notify.h"
#include "orlop/err.h"

struct foreground {
	int signals;		/* signalfd of all that may be blocked */
	bool subreaper;
	int dir;		/* the container's, or -1: in quarantine no signal is passed on */
	const char *id;
	bool filtered;		/* how it ended: by SIGSYS, as a seccomp filter ends */
};

/* What is said to a person then; engines have the status. */
#define FOREGROUND_FILTERED "the program was ended by SIGSYS: its seccomp filter refused a system " \
	"call; the kernel's log may say which (\"type=1326\", syscall=NUMBER)"

#define FOREGROUND_NONE ((struct foreground){ .signals = -1, .dir = -1 })

/*
 * Blocks signals and opens the descriptor that tells of them, before the process is made, so that
 * none is lost. `subreaper`: descendants of the process that lose their parent become ours.
 */
int foreground_begin(struct foreground *f, bool subreaper, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Waits for the process's end. `*master` is its terminal's, or -1; it is closed when nobody reads
 * what it shows, so that the program is hung up on. `notify` is served meanwhile when it has a
 * socket. Returns its exit status, 128 + n when signal n ended it.
 */
int foreground_wait(struct foreground *f, pid_t pid, int pidfd, int *master,
		    struct notify *notify, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Closes the descriptor. The signals stay blocked: one that comes for a process that has ended must
 * not end us in place of its status.
 */
void foreground_end(struct foreground *f);
