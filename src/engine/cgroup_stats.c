/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup_stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/cgroup_dir.h"
#include "orlop/auto.h"

enum {
	FILE_MAX = 64 * 1024,	/* io.stat: a line of about 100 bytes for each device */
	NUMBER_MAX = 64,
	PRESSURE_MAX = 256,
	SIZES_MAX = 16,		/* of huge pages; arm64 has four, x86 two */
};

uint64_t cgroup_stats_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return strtoull(line + len + 1, NULL, 10);
	}
	return 0;
}

uint64_t cgroup_stats_number(const char *text)
{
	return strcmp(text, "max") == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* The number after "key=" on a line, in hundredths; the kernel writes two places after the dot. */
static uint32_t average(const char *line, const char *key)
{
	const char *at = strstr(line, key);
	unsigned whole = 0, part = 0;

	if (at && sscanf(at + strlen(key), "%u.%2u", &whole, &part) < 1)
		return 0;
	return whole * 100 + part;
}

static struct stats_stall stall(const char *text, const char *word)
{
	const char *line = strstr(text, word), *total;
	struct stats_stall found = { 0 };
	char one[PRESSURE_MAX];

	if (!line)
		return found;
	snprintf(one, sizeof(one), "%.*s", (int)strcspn(line, "\n"), line);
	found.avg10 = average(one, "avg10=");
	found.avg60 = average(one, "avg60=");
	found.avg300 = average(one, "avg300=");
	total = strstr(one, "total=");
	if (total)
		found.total = strtoull(total + strlen("total="), NULL, 10);
	return found;
}

struct stats_pressure cgroup_stats_pressure(const char *text)
{
	return (struct stats_pressure){
		.set = true, .some = stall(text, "some "), .full = stall(text, "full "),
	};
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static int by_name(const void *a, const void *b)
{
	const struct stats_count *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void cgroup_stats_memory(const char *text, struct arena *a, struct stats *ret)
{
	struct stats_count *items = arena_new_array(a, struct stats_count, count_lines(text));
	size_t count = 0;

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n"), name = strcspn(line, " \n");

		if (name > 0 && name < len)
			items[count++] = (struct stats_count){
				.name = arena_strndup(a, line, name),
				.value = strtoull(line + name + 1, NULL, 10),
			};
		line += len + (line[len] == '\n');
	}
	qsort(items, count, sizeof(*items), by_name);
	ret->memory.raw.items = items;
	ret->memory.raw.count = count;
	ret->memory.cache = cgroup_stats_value(text, "file");
}

/* The members of one line that have a counter; false when there is none. */
static bool read_device(char *words, struct stats_io *device)
{
	const struct {
		const char *key;
		uint64_t *value;
	} rows[] = {
		{ "rbytes=", &device->read_bytes }, { "wbytes=", &device->written_bytes },
		{ "rios=", &device->reads }, { "wios=", &device->writes },
	};
	bool any = false;

	for (const char *word; (word = strsep(&words, " "));)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if (strncmp(word, rows[i].key, strlen(rows[i].key)) == 0) {
				*rows[i].value = strtoull(word + strlen(rows[i].key), NULL, 10);
				any = true;
			}
	return any;
}

void cgroup_stats_io(const char *text, struct arena *a, struct stats *ret)
{
	struct stats_io *items = arena_new_array(a, struct stats_io, count_lines(text));
	char *lines = arena_strdup(a, text);
	size_t count = 0;

	for (char *line; (line = strsep(&lines, "\n"));) {
		struct stats_io device = { 0 };
		unsigned major, minor;
		int used = 0;

		if (sscanf(line, "%u:%u %n", &major, &minor, &used) != 2 || used == 0)
			continue;
		device.major = major;
		device.minor = minor;
		if (read_device(line + used, &device))
			items[count++] = device;
	}
	ret->io.devices.items = items;
	ret->io.devices.count = count;
}

/* A file's text, or NULL when it is not there; *ret_gone when that is because the group is. */
static const char *text_of(int group, const char *name, char *bytes, size_t size, bool *ret_gone)
{
	if (file_read(group, name, bytes, size) >= 0)
		return bytes;
	*ret_gone |= errno == ENODEV;
	return NULL;
}

/* The same for a file of one number. */
static bool number_of(int group, const char *name, uint64_t *ret)
{
	char bytes[NUMBER_MAX];

	if (file_read(group, name, bytes, sizeof(bytes)) < 0)
		return false;
	*ret = cgroup_stats_number(bytes);
	return true;
}

static struct stats_pressure pressure_of(int group, const char *name)
{
	char bytes[PRESSURE_MAX];

	/* EOPNOTSUPP: the kernel was booted with psi=0. */
	if (file_read(group, name, bytes, sizeof(bytes)) < 0)
		return (struct stats_pressure){ 0 };
	return cgroup_stats_pressure(bytes);
}

static void read_cpu(const char *text, struct stats *ret)
{
	ret->cpu.total = cgroup_stats_value(text, "usage_usec") * 1000;
	ret->cpu.user = cgroup_stats_value(text, "user_usec") * 1000;
	ret->cpu.system = cgroup_stats_value(text, "system_usec") * 1000;
	ret->cpu.periods = cgroup_stats_value(text, "nr_periods");
	ret->cpu.throttled_periods = cgroup_stats_value(text, "nr_throttled");
	ret->cpu.throttled_time = cgroup_stats_value(text, "throttled_usec") * 1000;
}

/*
 * Swap is shown as cgroup v1 did, with the memory in it; the highest sum there was is not known.
 * A kernel without swap has no files for it, which leaves memory alone.
 */
static void read_memory(int group, struct stats *ret)
{
	struct stats_memory_use *memory = &ret->memory.memory, *swap = &ret->memory.swap;

	if (!number_of(group, "memory.current", &memory->usage))
		return;
	number_of(group, "memory.max", &memory->limit);
	number_of(group, "memory.peak", &memory->peak);		/* since Linux 5.19 */
	number_of(group, "memory.swap.current", &swap->usage);
	number_of(group, "memory.swap.max", &swap->limit);
	swap->usage += memory->usage;
	if (__builtin_add_overflow(swap->limit, memory->limit, &swap->limit))
		swap->limit = UINT64_MAX;
}

static int read_pids(int group, struct arena *a, struct stats *ret, struct err *e)
{
	struct cgroup_pids pids = { 0 };

	if (number_of(group, "pids.current", &ret->pids.current)) {
		number_of(group, "pids.max", &ret->pids.limit);
		if (ret->pids.limit == UINT64_MAX)
			ret->pids.limit = 0;
		return 0;
	}
	if (cgroup_pids(group, a, &pids, e) < 0)
		return -1;
	ret->pids.current = pids.count;
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const struct stats_hugepages *x = a, *y = b;

	return strcmp(x->size, y->size);
}

/* What is reserved, where the kernel counts that, as it is what a limit on it is compared with. */
static void read_hugepages(int group, struct arena *a, struct stats *ret)
{
	static const char prefix[] = "hugetlb.", suffix[] = ".current";
	int list = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *dir = list < 0 ? NULL : fdopendir(list);
	struct stats_hugepages *items = arena_new_array(a, struct stats_hugepages, SIZES_MAX);
	size_t count = 0;
	const struct dirent *entry;

	if (!dir) {
		auto_close_fd(&list);
		return;
	}
	while (count < SIZES_MAX && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		size_t len = strlen(name), size;
		char events[256];

		if (len <= sizeof(prefix) + sizeof(suffix) - 2 ||
		    strncmp(name, prefix, sizeof(prefix) - 1) != 0 ||
		    strcmp(name + len - (sizeof(suffix) - 1), suffix) != 0)
			continue;
		size = len - (sizeof(prefix) + sizeof(suffix) - 2);
		if (memchr(name + sizeof(prefix) - 1, '.', size))
			continue;		/* "rsvd" */
		name = arena_strndup(a, name + sizeof(prefix) - 1, size);
		items[count].size = name;
		if (!number_of(group, arena_printf(a, "hugetlb.%s.rsvd.current", name),
			       &items[count].usage))
			number_of(group, entry->d_name, &items[count].usage);
		if (file_read(group, arena_printf(a, "hugetlb.%s.events", name), events,
			      sizeof(events)) >= 0)
			items[count].refused = cgroup_stats_value(events, "max");
		count++;
	}
	qsort(items, count, sizeof(*items), by_size);
	ret->hugepages.items = items;
	ret->hugepages.count = count;
}

int cgroup_stats(int group, struct arena *a, struct stats *ret, struct err *e)
{
	auto_free char *bytes = malloc(FILE_MAX);
	struct stats stats = { 0 };
	bool gone = false;

	if (!bytes)
		return err_sys(e, "counters of the cgroup");
	/* cpu.stat belongs to the core: it is there without the controller as well. */
	if (text_of(group, "cpu.stat", bytes, FILE_MAX, &gone))
		read_cpu(bytes, &stats);
	if (text_of(group, "memory.stat", bytes, FILE_MAX, &gone))
		cgroup_stats_memory(bytes, a, &stats);
	if (text_of(group, "io.stat", bytes, FILE_MAX, &gone))
		cgroup_stats_io(bytes, a, &stats);
	if (gone || faccessat(group, "cgroup.procs", F_OK, 0) < 0)
		return err_sys_code(e, ENODEV, "counters of the cgroup");
	if (read_pids(group, a, &stats, e) < 0)
		return -1;
	read_memory(group, &stats);
	read_hugepages(group, a, &stats);
	stats.cpu.pressure = pressure_of(group, "cpu.pressure");
	stats.memory.pressure = pressure_of(group, "memory.pressure");
	stats.io.pressure = pressure_of(group, "io.pressure");
	*ret = stats;
	return 0;
}
