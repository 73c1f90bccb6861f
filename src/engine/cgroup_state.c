/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What is done to a whole group at once: kill, freeze, thaw, and its counters. Nothing
 * here waits longer than it was told to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/cgroup_dir.h"

int cgroup_kill(int group, struct err *e)
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
