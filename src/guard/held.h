/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container as the guard sees it: a directory and a cgroup. It needs no configuration and no
 * record that can be read: the cgroup is written down before it is made.
 */
#pragma once

#include "guard/journal.h"

struct held {
	const char *id;
	int dir, group;		/* group -1: it has none any more */
	const char *mount, *path;
	const char *unit;	/* of systemd, or NULL */
	pid_t pid;		/* the first process by the record; 0 when that cannot be read */
};

#define HELD_NONE ((struct held){ .dir = -1, .group = -1 })

/* Finds it. 0; -1 (no such container is "container does not exist"). */
int held_find(const char *root, const char *id, struct arena *a, struct held *ret, struct err *e)
	__attribute__((warn_unused_result));

void held_close(struct held *h);

#define auto_held __attribute__((cleanup(held_close))) struct held

/*
 * As guard_resume, for whoever froze the container himself for a while: one that its quarantine
 * observes, which is to run inside the cut, goes on as well.
 */
int held_go_on(int dir, const char *id, int group, unsigned timeout_ms, struct err *e)
	__attribute__((warn_unused_result));

/* The time as RFC 3339 in UTC with microseconds. */
const char *held_time(struct arena *a);
