/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Alarms that were raised about a container. It may be the container that brings them
 * about, as often as it likes, so there is an end to what is written for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "guard/held.h"
#include "guard/hook.h"
#include "json/emit.h"
#include "orlop/auto.h"

#define ALARMS_FILE "alarms"
enum { ALARMS_MAX = 64 << 10 };

bool guard_alarmed(int dir)
{
	return faccessat(dir, ALARMS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A line of the file, which others may be writing to as well. */
static int note(int dir, const struct guard_alarm *alarm, struct arena *a, struct err *e)
{
	auto_fd int fd = openat(dir, ALARMS_FILE,
				O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
				O_NONBLOCK, 0600);
	struct emit m = EMIT_IN(a, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "note the alarm");
	if (st.st_size >= ALARMS_MAX)
		return GUARD_ALARMS_FULL;
	emit_object(&m, NULL);
	emit_str(&m, "time", held_time(a));
	emit_str(&m, "source", alarm->source);
	emit_str(&m, "rule", alarm->rule);
	if (alarm->detail)
		emit_str(&m, "detail", alarm->detail);
	emit_end(&m);
	text_puts(&m.text, "\n");
	return fd_write_all(fd, m.text.bytes, m.text.len) < 0 ? err_sys(e, "note the alarm") : 0;
}

int guard_alarm(const char *root, const struct guard_alarm *alarm, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_held h = HELD_NONE;
	struct audit_entry entry = {
		.operation = "alarm", .id = alarm->id, .result = "noted", .detail = alarm->detail,
		.more = { { "source", alarm->source }, { "rule", alarm->rule } },
	};
	struct hook_event event = {
		.moment = POLICY_ON_ALARM, .trigger = alarm->source,
		.more = { { "rule", alarm->rule }, { "detail", alarm->detail } },
	};
	struct policy policy;
	struct err ignored;
	int noted, written;

	if (held_find(root, alarm->id, &a, &h, e) < 0)
		return -1;
	noted = note(h.dir, alarm, &a, e);
	if (noted > 0)
		return noted;
	/* What is full or broken in one place does not keep the others from knowing. */
	written = audit_write(root, &entry, noted < 0 ? &ignored : e);
	policy_load(h.dir, &a, &policy, &ignored);
	auto_fd int runs = hook_start(root, alarm->id, &policy, &event);
	return noted < 0 || written < 0 ? -1 : 0;
}
