/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What the runtime knows of the container, what its cgroup says, and facts about the
 * host: what changes last is taken last.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "guard/capture.h"
#include "guard/journal.h"
#include "json/emit.h"
#include "orlop/auto.h"

enum { FILE_MAX = 16 * 1024 * 1024 };

static int put_cgroup(struct capture *c, struct err *e)
{
	int again = c->group < 0 ? -1 : openat(c->group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *listing = again < 0 ? NULL : fdopendir(again);
	auto_arena scratch = ARENA_NONE;
	struct emit m = EMIT_IN(&scratch, 1);
	uint64_t began = sink_now(CLOCK_REALTIME);
	struct dirent *entry;
	const char *text;

	if (!listing)
		return 0;
	emit_object(&m, NULL);
	while ((entry = readdir(listing))) {
		char bytes[8192];
		ssize_t n;

		if (entry->d_type != DT_REG)
			continue;
		auto_fd int fd = openat(dirfd(listing), entry->d_name,
					O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		n = fd < 0 ? -1 : fd_read_full(fd, bytes, sizeof(bytes) - 1);
		if (n < 0)		/* those that are only written to */
			continue;
		bytes[n] = '\0';
		emit_str(&m, entry->d_name, bytes);
	}
	emit_end(&m);
	text = emit_get(&m);
	return sink_put(c->sink, "runtime/cgroup.json", text, strlen(text), began, KERNEL,
			c->cgroup, e);
}

int capture_runtime(struct capture *c, struct err *e)
{
	/* orlop/state.h lists them; the journal says how the container was held. */
	static const char *const names[] = { "config.json", "resources.json", "state.json", "cgroup",
		"resctrl", JOURNAL_FILE };
	int code = put_cgroup(c, e);

	for (size_t i = 0; i < ARRAY_LEN(names) && code == 0; i++) {
		auto_arena scratch = ARENA_NONE;
		uint64_t began = sink_now(CLOCK_REALTIME);
		size_t len = 0;
		char *bytes = state_read_file(c->dir, names[i], FILE_MAX, &scratch, &len);

		if (!bytes && errno != ENOENT)
			capture_problem(c, names[i], "%s", err_errno_text(errno));
		if (bytes)
			code = sink_put(c->sink, arena_printf(c->arena, "runtime/%s", names[i]), bytes,
					len, began, SETTLED, "the container's state directory", e);
	}
	return code;
}

static void emit_clock(struct emit *m, const char *name, int clock)
{
	emit_u64(m, name, sink_now(clock));
}

static void emit_clocks(struct emit *m)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);

	emit_object(m, "clocks");
	emit_clock(m, "realtime", CLOCK_REALTIME);
	emit_clock(m, "monotonic", CLOCK_MONOTONIC);
	emit_clock(m, "boottime", CLOCK_BOOTTIME);
	emit_clock(m, "tai", CLOCK_TAI);
	emit_bool(m, "synchronized", state >= 0 && state != TIME_ERROR);
	emit_i64(m, "offset", t.offset);
	emit_i64(m, "estimatedErrorUs", t.esterror);
	emit_i64(m, "maximalErrorUs", t.maxerror);
	emit_end(m);
}

int capture_host(struct capture *c, struct err *e)
{
	static const char *const files[] = { "version", "cmdline", "uptime", "loadavg", "meminfo",
		"modules", "mounts", "stat", "pressure/memory", "pressure/cpu", "pressure/io",
		"sys/kernel/random/boot_id", "sys/kernel/tainted", "sys/kernel/yama/ptrace_scope",
		"sys/kernel/core_pattern", "sys/kernel/io_uring_disabled" };
	auto_arena scratch = ARENA_NONE;
	struct emit m = EMIT_IN(&scratch, 1);
	uint64_t began = sink_now(CLOCK_REALTIME);
	struct utsname name;
	const char *text;

	auto_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	emit_object(&m, NULL);
	if (uname(&name) == 0) {
		emit_str(&m, "hostname", name.nodename);
		emit_str(&m, "kernel", name.release);
		emit_str(&m, "kernelVersion", name.version);
		emit_str(&m, "machine", name.machine);
	}
	emit_i64(&m, "processors", sysconf(_SC_NPROCESSORS_ONLN));
	emit_i64(&m, "clockTicks", sysconf(_SC_CLK_TCK));
	emit_clocks(&m);
	emit_object(&m, "proc");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		text = proc < 0 ? NULL : capture_read(c, proc, files[i], &scratch, NULL);
		if (text)
			emit_str(&m, files[i], text);
	}
	emit_end(&m);
	emit_end(&m);
	text = emit_get(&m);
	return sink_put(c->sink, "host.json", text, strlen(text), began, KERNEL, "/proc, uname, clocks",
			e);
}
