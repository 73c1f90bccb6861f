/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/cgroup_stats.h"
#include "orlop/auto.h"

/*
 * A group that is removed at once after its last process is not announced: the kernel sends its
 * notices late, and not for what is gone. So a longer wait than this is cut into pieces.
 */
enum { LOOK_MS = 500 };

/* Reading it is also what arms the next notice. */
static bool text_of(int file, char *text, size_t size)
{
	ssize_t n = file < 0 ? -1 : pread(file, text, size - 1, 0);

	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

static uint64_t kills(const struct cgroup_watch *w)
{
	char text[1024];

	return text_of(w->memory, text, sizeof(text)) ? cgroup_stats_value(text, "oom_kill") : 0;
}

static bool is_populated(const struct cgroup_watch *w)
{
	char text[256];

	return text_of(w->events, text, sizeof(text)) && strstr(text, "populated 1");
}

void cgroup_watch_close(struct cgroup_watch *w)
{
	auto_close_fd(&w->events);
	auto_close_fd(&w->memory);
}

int cgroup_watch_open(int group, struct cgroup_watch *ret, struct err *e)
{
	auto_cgroup_watch w = CGROUP_WATCH_NONE;

	w.events = file_open(group, "cgroup.events", O_RDONLY);
	if (w.events < 0)
		return err_sys(e, "cgroup.events");
	w.memory = file_open(group, "memory.events", O_RDONLY);
	if (w.memory < 0 && errno != ENOENT)
		return err_sys(e, "memory.events");
	w.kills = kills(&w);
	*ret = w;
	w = CGROUP_WATCH_NONE;
	return 0;
}

int cgroup_watch_wait(struct cgroup_watch *w, int64_t end, enum cgroup_happening *ret,
		      struct err *e)
{
	struct pollfd files[] = {
		{ .fd = w->events, .events = POLLPRI }, { .fd = w->memory, .events = POLLPRI },
	};

	for (;;) {
		/* In this order: the kill that ended the group is counted before its end. */
		bool ended = !is_populated(w);
		uint64_t now = kills(w);
		int64_t left;

		*ret = now > w->kills ? CGROUP_HAPPENED_OOM :
		       ended ? CGROUP_HAPPENED_END : CGROUP_HAPPENED_NOTHING;
		w->kills = now > w->kills ? now : w->kills;
		left = end - fd_now_ms();
		if (*ret != CGROUP_HAPPENED_NOTHING || left <= 0)
			return 0;
		if (poll(files, ARRAY_LEN(files), left < LOOK_MS ? (int)left : LOOK_MS) < 0 &&
		    errno != EINTR)
			return err_sys(e, "wait for events of the cgroup");
	}
}
