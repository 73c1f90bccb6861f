/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The processes of a group and everything below it. The container may have been given
 * its subtree to write to, so the tree may be of any depth and may change under the walk: the walk
 * holds one descriptor and no path, and is bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/cgroup_dir.h"
#include "orlop/auto.h"

enum { GROUPS_MAX = 1 << 17 };	/* visited, before we say that this is no container any more */

struct names {
	struct arena *arena;
	char **items;
	size_t count, room;
};

/* A directory of the walk: its children that were not visited yet, and the one above it. */
struct level {
	struct level *above;
	struct names children;
};

static void *grown(struct arena *a, void *items, size_t count, size_t *room, size_t size)
{
	void *more;

	if (count < *room)
		return items;
	*room = *room ? *room * 2 : 64;
	more = arena_array(a, *room, size);
	if (count)
		memcpy(more, items, count * size);
	return more;
}

static int keep_name(int dir, const char *name, void *argument)
{
	struct names *names = argument;

	(void)dir;
	names->items = grown(names->arena, names->items, names->count, &names->room,
			     sizeof(*names->items));
	names->items[names->count++] = arena_strdup(names->arena, name);
	return 0;
}

static int read_procs(int dir, const char *name, struct arena *a, struct cgroup_pids *pids,
		      size_t *room)
{
	auto_fd int file = file_open(dir, name, O_RDONLY);
	char bytes[4096];
	int pid = 0;
	bool digits = false;

	if (file < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -1;
	for (;;) {
		ssize_t n = fd_read_full(file, bytes, sizeof(bytes));

		/*
		 * A threaded group cannot be read; its processes are listed by its domain, which
		 * is above it. One that was removed has none.
		 */
		if (n < 0)
			return errno == EOPNOTSUPP || errno == ENODEV ? 0 : -1;
		if (n == 0)
			return 0;
		for (ssize_t i = 0; i < n; i++) {
			if (bytes[i] >= '0' && bytes[i] <= '9') {
				pid = pid * 10 + (bytes[i] - '0');
				digits = true;
			} else if (digits) {
				pids->items = grown(a, pids->items, pids->count, room,
						    sizeof(*pids->items));
				pids->items[pids->count++] = pid;
				pid = 0;
				digits = false;
			}
		}
	}
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Sorted, each once: a domain lists the processes of its threaded groups, moves list one twice. */
static void tidy(struct cgroup_pids *pids)
{
	size_t kept = 0;

	if (pids->count == 0)
		return;
	qsort(pids->items, pids->count, sizeof(*pids->items), by_number);
	for (size_t i = 0; i < pids->count; i++)
		if (i == 0 || pids->items[i] != pids->items[kept - 1])
			pids->items[kept++] = pids->items[i];
	pids->count = kept;
}

static struct level *level_new(struct arena *a, struct level *above)
{
	struct level *level = arena_new(a, struct level);

	level->above = above;
	level->children.arena = a;
	return level;
}

/* What the file of that name lists, in the group and below; `each` is called for each of them. */
static int walk(int group, const char *name, void (*each)(int dir, void *argument),
		void *argument, struct arena *a, struct cgroup_pids *ret, struct err *e)
{
	struct cgroup_pids pids = { 0 };
	struct level *level = level_new(a, NULL);
	size_t room = 0, visited = 0;
	auto_fd int dir = cgroup_dir_open(group, "");

	if (dir < 0)
		return err_sys(e, "processes of the cgroup");
	if (read_procs(dir, name, a, &pids, &room) < 0)
		return err_sys(e, "%s", name);
	if (cgroup_dir_each(dir, keep_name, &level->children) < 0)
		return err_sys(e, "groups of the cgroup");
	if (each)
		each(dir, argument);
	while (level) {
		struct names *children = &level->children;
		int next;

		if (children->count == 0) {
			if (!level->above)
				break;
			next = cgroup_dir_above(dir);
			if (next < 0)
				return err_sys(e, "groups of the cgroup");
			level = level->above;
		} else {
			next = cgroup_dir_open(dir, children->items[--children->count]);
			if (next < 0 && (errno == ENOENT || errno == ENODEV))
				continue;
			if (next < 0)
				return err_sys(e, "groups of the cgroup");
			if (++visited > GROUPS_MAX) {
				close(next);
				return err_set(e, ERR_POLICY, "more than %d groups in the cgroup",
					       GROUPS_MAX);
			}
			level = level_new(a, level);
			if (read_procs(next, name, a, &pids, &room) < 0 ||
			    cgroup_dir_each(next, keep_name, &level->children) < 0) {
				err_sys(e, "groups of the cgroup");
				close(next);
				return -1;
			}
			if (each)
				each(next, argument);
		}
		close(dir);
		dir = next;
	}
	tidy(&pids);
	*ret = pids;
	return 0;
}

int cgroup_pids(int group, struct arena *a, struct cgroup_pids *ret, struct err *e)
{
	return walk(group, "cgroup.procs", NULL, NULL, a, ret, e);
}

int cgroup_walk(int group, void (*each)(int dir, void *argument), void *argument,
		struct arena *a, struct cgroup_pids *ret, struct err *e)
{
	return walk(group, "cgroup.procs", each, argument, a, ret, e);
}

int cgroup_threads(int group, struct arena *a, struct cgroup_pids *ret, struct err *e)
{
	return walk(group, "cgroup.threads", NULL, NULL, a, ret, e);
}

const char *cgroup_of(pid_t pid, struct arena *a, struct err *e)
{
	auto_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[32], text[8192];
	const char *line;

	snprintf(name, sizeof(name), "%d/cgroup", (int)pid);
	if (proc < 0 || file_read(proc, name, text, sizeof(text)) < 0) {
		err_sys(e, "/proc/%s", name);
		return NULL;
	}
	line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	if (!line) {
		err_set(e, ERR_SYSTEM, "/proc/%s: names no cgroup v2", name);
		return NULL;
	}
	line = strchr(line, '/');
	return arena_strndup(a, line, strcspn(line, "\n"));
}
