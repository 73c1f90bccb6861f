/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. events: the counters of a container's cgroup, once or again and again until its last
 * process has ended, and what the kernel killed meanwhile. Takes no lock.
 */
#include <errno.h>

#include "base/fd.h"
#include "engine/cgroup.h"
#include "engine/cgroup_stats.h"
#include "engine/cgroup_watch.h"
#include "life/container.h"
#include "life/lifecycle.h"
#include "orlop/auto.h"

enum { NS_PER_MS = 1000000 };

static int tell_stats(const struct life_events *x, int group, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct stats stats;

	if (cgroup_stats(group, &a, &stats, e) < 0)
		return -1;
	return x->event(x->argument, &stats, e);
}

static int follow(const struct life_events *x, int group, struct err *e)
{
	auto_cgroup_watch w = CGROUP_WATCH_NONE;
	int64_t pause = (x->interval_ns + NS_PER_MS - 1) / NS_PER_MS;
	int64_t next = fd_now_ms() + pause;

	if (cgroup_watch_open(group, &w, e) < 0)
		return -1;
	for (;;) {
		enum cgroup_happening happened;

		if (cgroup_watch_wait(&w, next, &happened, e) < 0)
			return -1;
		switch (happened) {
		case CGROUP_HAPPENED_END:
			return 0;
		case CGROUP_HAPPENED_OOM:
			if (x->event(x->argument, NULL, e) < 0)
				return -1;
			break;
		case CGROUP_HAPPENED_NOTHING:
			/* The group may go at any time; the next wait says that it is the end. */
			if (tell_stats(x, group, e) < 0 && e->code != ENODEV)
				return -1;
			/* A reader that was slow misses some, instead of getting all at once. */
			next += pause;
			if (next <= fd_now_ms())
				next = fd_now_ms() + pause;
			break;
		}
	}
}

int life_events(const struct life *l, const struct life_events *x, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	const char *mount, *path;
	auto_fd int group = -1;

	if (container_open(l, x->id, &a, &c, e) < 0)
		return -1;
	if (x->interval_ns <= 0)
		return err_set(e, ERR_USAGE, "duration interval must be greater than 0");
	if (lifecycle_check(VERB_EVENTS, c.status, x->id, e) < 0)
		return -1;
	if (!container_cgroup(&c, &a, &mount, &path))
		return err_set(e, ERR_STATE, "container \"%.80s\" has no cgroup, which is what "
			       "events are read from", x->id);
	group = cgroup_open(mount, path, e);
	if (group < 0)
		return -1;
	container_close(&c);	/* may take as long as the container lives */
	return x->once ? tell_stats(x, group, e) : follow(x, group, e);
}
