/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A frozen group gets no limit but that on processes: memory.high would push pages
 * out that are evidence, cpu.max would slow down those that are on their way to be frozen.
 */
#include "guard/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "orlop/auto.h"

enum { CPU_QUOTA_US = 20000, CPU_PERIOD_US = 100000, PAGE = 4096 };

static const struct limit {
	const char *file;
	enum limits_when when;
} limits[LIMITS_COUNT] = {
	{ "pids.max", LIMITS_AT_ONCE },
	{ "memory.high", LIMITS_OBSERVED },
	{ "cpu.max", LIMITS_OBSERVED },
};

const char *limits_cpu(const char *now, struct arena *a)
{
	unsigned long long quota, period;
	char *end;

	quota = strtoull(now, &end, 10);
	period = *end == ' ' ? strtoull(end + 1, NULL, 10) : 0;
	if (end != now && period && quota * CPU_PERIOD_US <= CPU_QUOTA_US * period)
		return now;
	return arena_printf(a, "%d %d", CPU_QUOTA_US, CPU_PERIOD_US);
}

const char *limits_memory(const char *now, const char *used, struct arena *a)
{
	unsigned long long want = strtoull(used, NULL, 10);

	want = (want + PAGE - 1) / PAGE * PAGE;
	if (*now >= '0' && *now <= '9' && strtoull(now, NULL, 10) <= want)
		return now;
	return arena_printf(a, "%llu", want);
}

/* As file_write; a file that is not the kernel's, in a test, is replaced as a whole. */
static int put(int group, const char *file, const char *value)
{
	auto_fd int fd = file_open(group, file, O_WRONLY | O_TRUNC);

	return fd < 0 ? -1 : fd_write_all(fd, value, strlen(value));
}

/*
 * systemd takes no TasksMax of 0. 1 is the same for a group that has somebody who could fork: he
 * is that one.
 */
static const char *wanted(const struct limits *l, const struct limit *limit, const char *now)
{
	char used[64];

	if (strcmp(limit->file, "pids.max") == 0)
		return l->by_systemd && strcmp(now, "0") != 0 ? "1" : "0";
	if (strcmp(limit->file, "cpu.max") == 0)
		return limits_cpu(now, l->arena);
	if (file_read(l->group, "memory.current", used, sizeof(used)) < 0)
		return NULL;
	return limits_memory(now, used, l->arena);
}

/* NULL when it is there, and was read back. */
static const char *write_value(int group, const char *file, const char *value, struct arena *a)
{
	char text[128];

	if (put(group, file, value) < 0)
		return arena_printf(a, "write \"%s\": %s", value, err_errno_text(errno));
	if (file_read(group, file, text, sizeof(text)) < 0)
		return arena_printf(a, "read back: %s", err_errno_text(errno));
	if (strcmp(text, value) == 0)
		return NULL;
	return arena_printf(a, "wrote \"%s\", it is \"%s\"", value, text);
}

const char *limits_hold(int group, const char *file, const char *value, struct arena *a)
{
	char text[128];

	if (file_read(group, file, text, sizeof(text)) >= 0 && strcmp(text, value) == 0)
		return NULL;
	return write_value(group, file, value, a);
}

static void note(struct limits *l, const char *file, const char *value)
{
	struct pair_list *all = &l->in_force;
	size_t i = 0;

	if (!all->items)
		all->items = arena_new_array(l->arena, struct oci_pair, LIMITS_COUNT);
	while (i < all->count && strcmp(all->items[i].key, file) != 0)
		i++;
	all->count += i == all->count;
	all->items[i] = (struct oci_pair){ arena_strdup(l->arena, file),
					   arena_strdup(l->arena, value) };
}

static void apply(struct limits *l, const struct limit *limit, struct guard_mechanism *line)
{
	const char *value;
	char now[128];
	struct err e;

	*line = (struct guard_mechanism){ .name = limit->file, .outcome = GUARD_FAILED };
	if (file_read(l->group, limit->file, now, sizeof(now)) < 0) {
		line->outcome = errno == ENOENT ? GUARD_UNSUPPORTED : GUARD_FAILED;
		line->detail = "the controller is not enabled for the cgroup";
		if (line->outcome == GUARD_FAILED)
			line->detail = err_errno_text(errno);
		return;
	}
	value = wanted(l, limit, now);
	if (!value) {
		line->detail = "memory.current cannot be read";
		return;
	}
	/* What could not be put down could not be restored. */
	if (journal_save(l->journal, limit->file, now, l->arena, &e) < 0) {
		line->detail = arena_printf(l->arena, "left as it is: %s", e.text);
		return;
	}
	line->detail = write_value(l->group, limit->file, value, l->arena);
	if (line->detail)
		return;
	line->outcome = GUARD_APPLIED;
	line->detail = arena_printf(l->arena, "\"%s\", was \"%s\"", value,
				    journal_saved(l->journal, limit->file));
	/* A limit that was there and is low enough is nobody's to change, systemd's neither. */
	if (strcmp(value, journal_saved(l->journal, limit->file)) != 0)
		note(l, limit->file, value);
}

size_t limits_apply(struct limits *l, enum limits_when when,
		    struct guard_mechanism lines[LIMITS_COUNT])
{
	size_t count = 0;

	for (size_t i = 0; i < LIMITS_COUNT; i++)
		if (limits[i].when == when)
			apply(l, &limits[i], &lines[count++]);
	return count;
}

static struct guard_mechanism restore(int group, const char *file, const char *value,
				      struct arena *a)
{
	struct guard_mechanism line = {
		.name = file, .outcome = GUARD_FAILED,
		.detail = write_value(group, file, value, a),
	};

	if (!line.detail) {
		line.outcome = GUARD_APPLIED;
		line.detail = arena_printf(a, "\"%s\" again", value);
	}
	return line;
}

size_t limits_lift(struct limits *l, struct guard_mechanism lines[LIMITS_COUNT])
{
	size_t count = 0;

	for (size_t i = 0; i < LIMITS_COUNT; i++) {
		const char *value = journal_saved(l->journal, limits[i].file);

		if (!value || limits[i].when != LIMITS_OBSERVED)
			continue;
		lines[count++] = restore(l->group, limits[i].file, value, l->arena);
		note(l, limits[i].file, value);
	}
	return count;
}

size_t limits_undo(int group, const struct journal *j, struct arena *a,
		   struct guard_mechanism lines[LIMITS_COUNT])
{
	size_t count = 0;

	for (size_t i = LIMITS_COUNT; i-- > 0;) {
		const char *value = journal_saved(j, limits[i].file);

		if (value)
			lines[count++] = restore(group, limits[i].file, value, a);
	}
	return count;
}
