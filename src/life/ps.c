/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The processes of a container.
 */
#include <errno.h>

#include "base/fd.h"
#include "engine/cgroup.h"
#include "life/container.h"
#include "orlop/auto.h"

/* That its group is gone is no wonder: systemd removes one when nobody is in it any more. */
static bool has_ended(const struct container *c)
{
	return c->pidfd < 0 || fd_wait_readable(c->pidfd, -1, 0) == 0;
}

int life_pids(const struct life *l, const char *id, struct arena *a, struct life_pids *ret,
	      struct err *e)
{
	auto_container c = CONTAINER_NONE;
	struct life_pids pids = { 0 };
	struct cgroup_pids found = { 0 };
	const char *mount, *path;
	auto_fd int group = -1;

	if (container_open(l, id, a, &c, e) < 0)
		return -1;
	if (container_cgroup(&c, a, &mount, &path)) {
		group = cgroup_open(mount, path, e);
		if (group < 0 && (e->code != ENOENT || !has_ended(&c)))
			return -1;
		if (group >= 0 && cgroup_pids(group, a, &found, e) < 0)
			return -1;
	} else if (c.status != STATE_STOPPED) {
		/* Without a cgroup only the first process is known. */
		found.items = &c.record.pid;
		found.count = 1;
	}
	pids.items = arena_new_array(a, pid_t, found.count);
	for (size_t i = 0; i < found.count; i++)
		if (found.items[i] > 0)		/* 0: one that has no number here */
			pids.items[pids.count++] = found.items[i];
	*ret = pids;
	return 0;
}
