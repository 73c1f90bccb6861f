/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Events of the cgroup: counters that grow, and triggers of pressure (PSI), which the
 * kernel itself rates. All are told by POLLPRI on the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/cgroup_stats.h"
#include "guard/watch.h"
#include "orlop/auto.h"

static const struct {
	enum policy_event event;
	const char *word, *file;
	const char *counter;		/* or NULL: a trigger of pressure */
} kinds[WATCH_EVENTS] = {
	{ POLICY_EVENT_OOM, "oomKill", "memory.events", "oom_kill" },
	{ POLICY_EVENT_PIDS, "pidsMax", "pids.events", "max" },
	{ POLICY_EVENT_MEMORY, "memoryPressure", "memory.pressure", NULL },
	{ POLICY_EVENT_CPU, "cpuPressure", "cpu.pressure", NULL },
};

/*
 * Somebody waited for half of the time, in microseconds. Without CAP_SYS_RESOURCE (a runtime in a
 * container of its own) the kernel takes windows of two seconds only, and looks as often.
 */
static const char *const triggers[] = { "some 500000 1000000", "some 1000000 2000000" };

static uint64_t read_counter(const struct watch *w, size_t index)
{
	char text[1024];
	ssize_t len = pread(w->events[index].fd, text, sizeof(text) - 1, 0);

	if (len < 0)
		return w->events[index].count;
	text[len] = '\0';
	return cgroup_stats_value(text, kinds[index].counter);
}

static int set_trigger(int fd)
{
	for (size_t i = 0; i < ARRAY_LEN(triggers); i++)
		if (write(fd, triggers[i], strlen(triggers[i]) + 1) >= 0)
			return 0;
		else if (errno != EINVAL)
			return -1;
	return -1;
}

static int open_event(struct watch *w, size_t index)
{
	bool pressure = !kinds[index].counter;
	int fd = w->held.group < 0 ? -1 : file_open(w->held.group, kinds[index].file,
						    pressure ? O_RDWR | O_NONBLOCK : O_RDONLY);

	if (fd < 0)
		return -1;
	w->events[index].fd = fd;
	if (pressure)
		return set_trigger(fd);
	w->events[index].count = read_counter(w, index);
	return 0;
}

int watch_events_open(struct watch *w, struct err *e)
{
	for (size_t i = 0; i < WATCH_EVENTS; i++) {
		w->events[i].fd = -1;
		if (!(w->policy.watch.events & kinds[i].event) || open_event(w, i) == 0)
			continue;
		err_sys(e, "remediation policy: watch.events: %s: %s", kinds[i].word, kinds[i].file);
		if (e->code == ENOENT)
			err_hint(e, "the container's cgroup has no such controller");
		return -1;
	}
	return 0;
}

void watch_events_poll(const struct watch *w, struct pollfd *ret)
{
	for (size_t i = 0; i < WATCH_EVENTS; i++)
		ret[i] = (struct pollfd){ .fd = w->events[i].fd, .events = POLLPRI };
}

const char *watch_events_happened(struct watch *w, size_t index, const struct pollfd *polled)
{
	struct watch_event *event = &w->events[index];
	uint64_t now;

	if (event->fd < 0 || !(polled->revents & POLLPRI)) {
		/* A group that is gone is always ready to say so: it is not asked again. */
		if (event->fd >= 0 && polled->revents & (POLLERR | POLLHUP | POLLNVAL))
			auto_close_fd(&event->fd);
		return NULL;
	}
	if (!kinds[index].counter)
		return kinds[index].word;
	now = read_counter(w, index);
	if (now <= event->count)
		return NULL;
	event->count = now;
	return kinds[index].word;
}
