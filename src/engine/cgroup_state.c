/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What is done to a whole group at once: kill, freeze, thaw, and its counters. Nothing
 * here waits longer than it was told to.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/cgroup_dir.h"
#include "orlop/auto.h"

enum {
	ROUNDS_MAX = 16,	/* over processes that make others while they are being killed */
	BATCH = 32,		/* descriptors at a time */
};

int cgroup_kill_once(int group, struct err *e)
{
	struct cgroup_events events;

	if (file_write(group, "cgroup.kill", "1") == 0 || errno == ENODEV)
		return 0;
	int code = errno;

	if (code == ENOENT && cgroup_events_get(group, &events) == CGROUP_ABSENT)
		return 0;
	err_sys_code(e, code, "cgroup.kill \"1\"");
	if (code == ENOENT)
		err_hint(e, "cgroup.kill needs Linux 5.14 or newer");
	else if (code == EOPNOTSUPP)
		err_hint(e, "the cgroup is threaded; its threaded domain can be killed");
	return -1;
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static bool has(const struct cgroup_pids *pids, int pid)
{
	return pids->count &&
	       bsearch(&pid, pids->items, pids->count, sizeof(pid), by_number) != NULL;
}

/* Processes that were listed and whose first thread was not, in the list's own place. 0 or -1. */
static int headless(int group, struct arena *a, struct cgroup_pids *ret, struct err *e)
{
	struct cgroup_pids threads = { 0 };
	size_t kept = 0;

	if (cgroup_pids(group, a, ret, e) < 0 || cgroup_threads(group, a, &threads, e) < 0)
		return -1;
	for (size_t i = 0; i < ret->count; i++)
		if (ret->items[i] > 0 && !has(&threads, ret->items[i]))
			ret->items[kept++] = ret->items[i];
	ret->count = kept;
	return 0;
}

/*
 * A number may be another process's before it is opened. Whoever is still listed under it when it
 * has been opened is the one that is open, or that one has ended.
 */
static int kill_batch(int group, const int *pids, size_t count, struct arena *a, struct err *e)
{
	struct cgroup_pids now = { 0 };
	int fds[BATCH], r;

	for (size_t i = 0; i < count; i++)
		fds[i] = pidfd_open(pids[i], 0);
	r = cgroup_pids(group, a, &now, e);
	for (size_t i = 0; i < count; i++) {
		if (fds[i] < 0)
			continue;
		if (r == 0 && has(&now, pids[i]))
			pidfd_send_signal(fds[i], SIGKILL, NULL, 0);
		close(fds[i]);
	}
	return r;
}

int cgroup_kill(int group, struct err *e)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		auto_arena a = ARENA_NONE;
		struct cgroup_pids left = { 0 };

		if (cgroup_kill_once(group, e) < 0)
			return -1;
		if (headless(group, &a, &left, e) < 0)
			return e->code == ENOENT || e->code == ENODEV ? 0 : -1;
		if (left.count == 0)
			return 0;
		for (size_t i = 0; i < left.count; i += BATCH) {
			size_t n = left.count - i < BATCH ? left.count - i : BATCH;

			if (kill_batch(group, left.items + i, n, &a, e) < 0)
				return -1;
		}
	}
	return 0;
}

int cgroup_frozen(int group, struct err *e)
{
	struct cgroup_events events;

	switch (cgroup_events_get(group, &events)) {
	case 0:
		return events.frozen;
	case CGROUP_ABSENT:
		return err_sys_code(e, ENOENT, "cgroup.events");
	default:
		return err_sys(e, "cgroup.events");
	}
}

int cgroup_freeze(int group, bool frozen, int timeout_ms, struct err *e)
{
	const char *value = frozen ? "1" : "0";
	int64_t end = fd_now_ms() + timeout_ms;

	if (file_write(group, "cgroup.freeze", value) < 0)
		return err_sys(e, "cgroup.freeze \"%s\"", value);
	switch (cgroup_events_wait(group, CGROUP_EVENT_FROZEN, frozen, end)) {
	case 0:
		return 0;
	case CGROUP_TIMED_OUT:
		return CGROUP_TIMED_OUT;
	case CGROUP_ABSENT:
		return err_sys_code(e, ENOENT, "cgroup.events");
	default:
		return err_sys(e, "cgroup.events");
	}
}

unsigned long cgroup_oom_kills(int group)
{
	char text[1024];
	const char *line;

	if (file_read(group, "memory.events", text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "\noom_kill ");
	return line ? strtoul(line + strlen("\noom_kill "), NULL, 10) : 0;
}
