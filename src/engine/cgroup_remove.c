/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The end of a cgroup: everything in it killed, everything below it removed, then
 * itself; again and again until the time is over. Safe to repeat after a crash at any point.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/character.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/bpf.h"
#include "engine/cgroup.h"
#include "engine/cgroup_dir.h"
#include "orlop/auto.h"

enum {
	NAMED_MAX = 8,		/* processes that an error names */
	SOON_MS = 50,		/* after a kill: most groups are empty before */
	NAME_SIZE = 4096,	/* of a group: kernfs takes what a path may have, not NAME_MAX */
};

/* How one round over the children of a directory went. */
struct round {
	size_t removed;
	char busy[NAME_SIZE];	/* the one that has something in it */
};

static int remove_child(int dir, const char *name, void *argument)
{
	struct round *round = argument;

	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENODEV) {
		round->removed++;
		return 0;
	}
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -1;
	snprintf(round->busy, sizeof(round->busy), "%s", name);
	return 1;
}

/*
 * Removes everything below the group. Goes down to where nothing is below and comes back up by
 * "..", so that the depth, which the container may choose, costs no descriptors and no stack.
 * EBUSY where a group without children still has processes; ETIMEDOUT.
 */
static int remove_below(int group, int64_t end)
{
	auto_fd int dir = cgroup_dir_open(group, "");
	struct round round;
	unsigned depth = 0;
	bool entered = false;	/* dir was busy when we stood above it */

	if (dir < 0)
		return -1;
	for (;;) {
		int r, next;

		round.removed = 0;
		r = cgroup_dir_each(dir, remove_child, &round);

		if (r < 0)
			return errno == ENOENT ? 0 : -1;
		if (fd_now_ms() >= end) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (r > 0) {
			next = cgroup_dir_open(dir, round.busy);
			if (next < 0 && errno == ENOENT)
				continue;
			depth++;
			entered = true;
		} else if (round.removed > 0) {
			/* Entries may have moved while they were removed: look again. */
			entered = false;
			continue;
		} else if (depth == 0) {
			return 0;
		} else if (entered) {
			errno = EBUSY;
			return -1;
		} else {
			next = cgroup_dir_above(dir);
			depth--;
		}
		if (next < 0)
			return -1;
		close(dir);
		dir = next;
	}
}

/* "12 (sleep, D)": what /proc knows about it, so that the reader sees why it does not go. */
static void name_process(struct text *t, int proc, int pid)
{
	char file[32], stat[512];
	char *open, *close, state;

	snprintf(file, sizeof(file), "%d/stat", pid);
	if (proc < 0 || file_read(proc, file, stat, sizeof(stat)) < 0 ||
	    !(open = strchr(stat, '(')) || !(close = strrchr(stat, ')')) || close[1] != ' ') {
		text_printf(t, "%d", pid);
		return;
	}
	state = close[2];
	*close = '\0';
	/* The name is the process's choice: nothing in it reaches a terminal as it is. */
	character_replace_hidden(open + 1);
	text_printf(t, "%d (%s, %c)", pid, open + 1, state);
}

static int did_not_end(int group, const char *path, int timeout_ms, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct text names = TEXT_IN(&a);
	struct cgroup_pids pids = { 0 };
	struct err ignored;

	if (cgroup_pids(group, &a, &pids, &ignored) < 0 || pids.count == 0)
		return err_set(e, ERR_STATE, "cgroup \"%s\": still in use after %d ms", path,
			       timeout_ms);
	for (size_t i = 0; i < pids.count && i < NAMED_MAX; i++) {
		text_puts(&names, i ? ", " : "");
		name_process(&names, proc, pids.items[i]);
	}
	if (pids.count > NAMED_MAX)
		text_puts(&names, ", ...");
	err_set(e, ERR_STATE, "cgroup \"%s\": %zu %s did not end within %d ms: %s", path,
		pids.count, pids.count == 1 ? "process" : "processes", timeout_ms,
		text_get(&names));
	return err_hint(e, "a process in state D waits in the kernel, often for a file system "
			   "that does not answer; it ends when the kernel lets it go");
}

/* One round; 0 when nothing is below it any more, 1 to try again, -1. */
static int empty_group(int group, const char *path, int timeout_ms, int64_t end, struct err *e)
{
	struct err kill_error;
	/* A group that cannot be killed as a whole may be empty all the same. */
	int killed = cgroup_kill_once(group, &kill_error);
	int64_t now = fd_now_ms();
	int r = cgroup_events_wait(group, CGROUP_EVENT_POPULATED, false,
				   killed < 0 ? now : end - now < SOON_MS ? end : now + SOON_MS);

	if (r == CGROUP_TIMED_OUT && killed == 0 && (killed = cgroup_kill(group, &kill_error)) == 0)
		r = cgroup_events_wait(group, CGROUP_EVENT_POPULATED, false, end);
	switch (r) {
	case 0:
		break;
	case CGROUP_ABSENT:
		return 0;
	case CGROUP_TIMED_OUT:
		if (killed == 0)
			return did_not_end(group, path, timeout_ms, e);
		*e = kill_error;
		return err_in(e, "cgroup \"%s\"", path);
	default:
		return err_sys(e, "cgroup \"%s\": cgroup.events", path);
	}
	if (remove_below(group, end) == 0)
		return 0;
	if (errno == EBUSY || errno == ENOENT)
		return 1;
	if (errno == ETIMEDOUT)
		return did_not_end(group, path, timeout_ms, e);
	return err_sys(e, "cgroup \"%s\": remove what is below it", path);
}

int cgroup_remove(const char *mount, const char *path, int timeout_ms, struct err *e)
{
	int64_t end = fd_now_ms() + timeout_ms;
	const char *name = strrchr(path, '/');
	char parent_path[4096];
	int pause_ms = 1;

	/* The usual case: it is empty. */
	if (cgroup_dir_remove(mount, path))
		return 0;

	auto_fd int top = cgroup_dir_mount(mount, e);

	if (top < 0)
		return -1;
	if (path[0] != '/' || !name || name[1] == '\0' ||
	    (size_t)(name - path) >= sizeof(parent_path))
		return err_set(e, ERR_STATE, "cgroup \"%s\": not one that can be removed", path);
	name++;
	snprintf(parent_path, sizeof(parent_path), "%.*s", (int)(name - path - 1), path);

	auto_fd int parent = *parent_path ? cgroup_dir_open(top, parent_path + 1) : take_fd(&top);

	if (parent < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cgroup \"%s\"", path);
	for (;;) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENODEV)
			return 0;
		if (errno != EBUSY && errno != ENOTEMPTY)
			return err_sys(e, "remove cgroup \"%s\"", path);

		auto_fd int group = cgroup_dir_open(parent, name);
		int r;

		if (group < 0)
			return errno == ENOENT ? 0 : err_sys(e, "cgroup \"%s\"", path);
		r = empty_group(group, path, timeout_ms, end, e);
		if (r < 0)
			return -1;
		if (r == 0 && (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT))
			return 0;
		/* Somebody joined meanwhile, or the kernel has not let go of the last one yet. */
		if (fd_now_ms() >= end)
			return did_not_end(group, path, timeout_ms, e);
		poll(NULL, 0, pause_ms);
		if (pause_ms < 32)
			pause_ms *= 2;
	}
}

int cgroup_clear(const char *mount, const char *path, int timeout_ms, struct err *e)
{
	int64_t end = fd_now_ms() + timeout_ms;
	auto_fd int top = cgroup_dir_mount(mount, e);
	int r;

	if (top < 0)
		return -1;

	auto_fd int group = cgroup_dir_open(top, path + (*path == '/'));

	if (group < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cgroup \"%s\"", path);
	while ((r = empty_group(group, path, timeout_ms, end, e)) > 0) {
		if (fd_now_ms() >= end)
			return did_not_end(group, path, timeout_ms, e);
		poll(NULL, 0, 1);
	}
	/* Who comes next shall not find it frozen, nor without a network. */
	if (r == 0 && file_write(group, "cgroup.freeze", "0") < 0 && errno != ENOENT)
		return err_sys(e, "cgroup \"%s\": cgroup.freeze \"0\"", path);
	if (r == 0 && bpf_strip(group, "orlop_") < 0 && errno != EPERM)
		return err_sys(e, "cgroup \"%s\": take our programs away", path);
	return r;
}
