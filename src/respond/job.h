/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Actions in processes of their own, with a time after which each is given up: a
 * container that hangs whoever touches it takes a place for a while, and nothing else.
 */
#pragma once

#include <poll.h>

#include "respond/action.h"

enum {
	JOBS_MAX = 16,
	JOBS_EACH_MAX = 8,	/* for one container, each of another rule */
	STUCK_MAX = 64,		/* processes that SIGKILL did not end yet */
};

struct job {
	pid_t pid;
	int pipe;
	int64_t end_ms;
	uint64_t key;			/* the container's */
	const struct rule *rule;
	uint64_t began_us;		/* when the event was read */
	char *head;			/* the beginning of its result; malloc'ed */
	char text[ACTION_TEXT_MAX + 1];
	size_t len;
};

struct jobs {
	struct job items[JOBS_MAX];
	size_t count;
	struct {
		pid_t pid;
		uint64_t key;
		const struct rule *rule;
	} stuck[STUCK_MAX];
	size_t stuck_count;
};

/* True when there is a place for one more; false also when too many cannot be ended. */
bool job_room(const struct jobs *j);

/*
 * True when the same is being done for the container already, or it has as many as it may: only
 * what hangs comes to that.
 */
bool job_busy(const struct jobs *j, uint64_t key, const struct rule *rule);

/* Starts one; `head` is copied. -1 and *e when there can be no process. */
int job_start(struct jobs *j, const struct life *life, const struct rule *rule,
	      const struct event *event, const struct target *target, uint64_t key,
	      uint64_t began_us, const char *head, struct err *e)
	__attribute__((warn_unused_result));

/* Fills in what to poll for; as many as there are jobs. */
void job_poll(const struct jobs *j, struct pollfd *ret);

/* Milliseconds until the first is given up; -1 without any. */
int job_wait_ms(const struct jobs *j);

enum job_end { JOB_GOES_ON, JOB_DONE, JOB_DIED, JOB_GIVEN_UP };

/* Looks at one after a poll. When it has ended its text is complete; job_drop follows. */
enum job_end job_look(struct jobs *j, size_t index, bool readable);

/* Forgets one that has ended; the last takes its place. */
void job_drop(struct jobs *j, size_t index);

/* Takes leave of those that SIGKILL has ended meanwhile. */
void job_reap(struct jobs *j);
