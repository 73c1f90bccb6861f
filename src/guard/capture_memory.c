/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The memory of each process as an ELF core file. Only pages that are there (present
 * or swapped out) are read: asking for others would bring them in, change the process, and could
 * wait for whoever has to bring them.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "guard/capture.h"
#include "orlop/auto.h"

/* PAGEMAP_SCAN, Linux 6.7: steps over what is not mapped, so that reservations cost nothing. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
	uint64_t inverted, all_of, any_of, told;
};

enum {
	SCAN_FILE = 1 << 2, SCAN_PRESENT = 1 << 3, SCAN_SWAPPED = 1 << 4, SCAN_ZERO = 1 << 5,
	REGIONS = 512,
	PAGE = 4096,
};

#define SCAN _IOWR('f', 16, struct scan)

/* Bits of /proc/PID/pagemap, for older kernels. */
static const uint64_t map_present = UINT64_C(1) << 63, map_swapped = UINT64_C(1) << 62,
	map_file = UINT64_C(1) << 61;

/* The program's own ELF header: what it is for is what the container's processes are for. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

struct loads {
	struct core_load *items;
	size_t count, room;
};

static void add_load(struct loads *l, struct arena *a, const struct core_load *load)
{
	struct core_load *last = l->count ? &l->items[l->count - 1] : NULL;

	if (last && last->end == load->start && last->flags == load->flags &&
	    last->zero == load->zero) {
		last->end = load->end;
		return;
	}
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 128;
		struct core_load *items = arena_new_array(a, struct core_load, room);

		if (l->count)
			memcpy(items, l->items, l->count * sizeof(*items));
		l->items = items;
		l->room = room;
	}
	l->items[l->count++] = *load;
}

/* Memory that only looks like a file's: it has no name that leads to it. */
static bool is_shared_anonymous(const struct core_map *map)
{
	static const char *const names[] = { "/memfd:", "/dev/zero (deleted)", "/SYSV", "/dev/shm/",
		"/i915" };

	for (size_t i = 0; map->name && i < ARRAY_LEN(names); i++)
		if (strncmp(map->name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct capture *c, const struct core_map *map, bool file)
{
	return !file || c->options->memory == EVIDENCE_MEMORY_ALL || is_shared_anonymous(map);
}

static int scan_new(struct capture *c, int pagemap, const struct core_map *map, struct loads *l,
		    struct arena *a)
{
	struct scan_region regions[REGIONS];
	struct scan scan = {
		.size = sizeof(scan), .start = map->start, .end = map->end,
		.regions = (uintptr_t)regions, .region_count = REGIONS,
		.any_of = SCAN_PRESENT | SCAN_SWAPPED, .told = SCAN_FILE | SCAN_ZERO,
	};

	while (scan.start < map->end && !sink_is_over(c->sink)) {
		int count = ioctl(pagemap, SCAN, &scan);

		if (count < 0)
			return -1;
		for (int i = 0; i < count; i++)
			if (is_wanted(c, map, regions[i].categories & SCAN_FILE))
				add_load(l, a, &(struct core_load){
					regions[i].start, regions[i].end, map->flags,
					(regions[i].categories & SCAN_ZERO) != 0 });
		if (scan.walk_end <= scan.start)
			break;
		scan.start = scan.walk_end;
	}
	return 0;
}

static int scan_old(struct capture *c, int pagemap, const struct core_map *map, struct loads *l,
		    struct arena *a)
{
	uint64_t entries[REGIONS], at = map->start;

	while (at < map->end && !sink_is_over(c->sink)) {
		size_t want = (map->end - at) / PAGE < REGIONS ? (map->end - at) / PAGE : REGIONS;
		ssize_t n = pread(pagemap, entries, want * sizeof(*entries),
				  (off_t)(at / PAGE * sizeof(*entries)));

		if (n < (ssize_t)sizeof(*entries))
			return -1;
		for (size_t i = 0; i < (size_t)n / sizeof(*entries); i++, at += PAGE)
			if ((entries[i] & (map_present | map_swapped)) &&
			    is_wanted(c, map, entries[i] & map_file))
				add_load(l, a, &(struct core_load){ at, at + PAGE, map->flags,
								    false });
	}
	return 0;
}

/* One line of maps; false at what is no memory of the process. */
static bool read_map(char *line, struct core_map *ret, struct arena *a)
{
	char *next, *name;

	*ret = (struct core_map){ 0 };
	ret->start = strtoull(line, &next, 16);
	if (*next++ != '-')
		return false;
	ret->end = strtoull(next, &next, 16);
	if (*next++ != ' ' || strlen(next) < 5)
		return false;
	ret->flags = (next[0] == 'r' ? PF_R : 0u) | (next[1] == 'w' ? PF_W : 0u) |
		     (next[2] == 'x' ? PF_X : 0u);
	ret->offset = strtoull(next + 5, NULL, 16);
	/* start-end perms offset dev inode name: the kernel's own pages are not the process's. */
	name = next;
	for (int field = 0; field < 4; field++) {
		name += strcspn(name, " ");
		name += strspn(name, " ");
	}
	if (strncmp(name, "[vvar", 5) == 0 || strcmp(name, "[vsyscall]") == 0)
		return false;
	if (name[0] == '/')
		ret->name = arena_strdup(a, name);
	return true;
}

static struct core_map *read_maps(struct capture *c, struct capture_process *p, struct arena *a,
				  size_t *ret_count)
{
	char *text = capture_read(c, p->proc, "maps", a, NULL), *next;
	struct core_map *maps;
	size_t lines = 0;

	*ret_count = 0;
	for (const char *line = text; line && *line; line++)
		lines += *line == '\n';
	maps = arena_new_array(a, struct core_map, lines + 1);
	for (char *line = text; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (read_map(line, &maps[*ret_count], a))
			++*ret_count;
	}
	return maps;
}

/* Reads a stretch; a page that cannot be read is zeros and counted. */
static void read_stretch(int memory, uint64_t at, char *bytes, size_t len, uint64_t *unread)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(memory, bytes + done, len - done, (off_t)(at + done));

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		size_t page = len - done < PAGE ? len - done : PAGE;

		memset(bytes + done, 0, page);
		done += page;
		*unread += page;
	}
}

static int write_memory(struct capture *c, int memory, const struct loads *l, uint64_t *unread,
			struct err *e)
{
	char *buffer = NULL;
	size_t used = 0;
	int code = 0;

	/* Stretches are gathered, so that small ones do not cost a write each. */
	for (size_t i = 0; i < l->count && code == 0; i++) {
		uint64_t at = l->items[i].start;

		while (!l->items[i].zero && at < l->items[i].end && code == 0) {
			uint64_t left = l->items[i].end - at;
			size_t room;

			if (!buffer)
				buffer = sink_buffer(c->sink);
			room = SINK_CHUNK - used;
			if (room > left)
				room = (size_t)left;
			read_stretch(memory, at, buffer + used, room, unread);
			used += room;
			at += room;
			if (used < SINK_CHUNK)
				continue;
			code = sink_write(c->sink, buffer, used, e);
			buffer = NULL;
			used = 0;
		}
	}
	if (code == 0 && used)
		code = sink_write(c->sink, buffer, used, e);
	return code;
}

static void describe(struct capture *c, struct capture_process *p, const struct core_map *maps,
		     size_t count, struct arena *a, struct core_process *ret)
{
	struct core_thread *threads = arena_new_array(a, struct core_thread, p->thread_count);
	char *arguments = arena_strndup(a, p->cmdline.len ? p->cmdline.bytes : "", p->cmdline.len);

	for (size_t i = 0; i < p->thread_count; i++)
		threads[i] = p->threads[i].core;
	for (size_t i = 0; i + 1 < p->cmdline.len; i++)
		if (!arguments[i])
			arguments[i] = ' ';
	*ret = (struct core_process){
		.pid = p->pid, .ppid = p->ppid, .uid = p->uid, .gid = p->gid, .state = p->state,
		.comm = p->comm, .arguments = arguments,
		.threads = threads, .thread_count = p->thread_count,
		.maps = maps, .map_count = count,
	};
	ret->auxv.bytes = capture_read(c, p->proc, "auxv", a, &ret->auxv.len);
}

static int write_core(struct capture *c, struct capture_process *p, struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	auto_fd int memory = openat(p->proc, "mem", O_RDONLY | O_CLOEXEC);
	auto_fd int pagemap = memory < 0 ? -1 : openat(p->proc, "pagemap", O_RDONLY | O_CLOEXEC);
	struct text notes = TEXT_IN(&scratch), head = TEXT_IN(&scratch);
	struct core_process process;
	struct loads l = { 0 };
	const char *path = arena_printf(c->arena, "memory/core.%d", (int)p->pid), *why = NULL;
	uint64_t unread = 0;
	struct core_map *maps;
	size_t count;
	int code;

	if (memory < 0 || pagemap < 0) {
		capture_problem(c, path, "/proc/%d/%s: %s", (int)p->pid,
				memory < 0 ? "mem" : "pagemap", err_errno_text(errno));
		return 0;
	}
	maps = read_maps(c, p, &scratch, &count);
	for (size_t i = 0; i < count; i++)
		if (scan_new(c, pagemap, &maps[i], &l, &scratch) < 0 &&
		    scan_old(c, pagemap, &maps[i], &l, &scratch) < 0)
			capture_problem(c, path, "which pages 0x%llx has cannot be asked",
					(unsigned long long)maps[i].start);
	if (sink_is_over(c->sink))
		return SINK_STOPPED;
	if (!l.count)		/* a zombie */
		return 0;
	describe(c, p, maps, count, &scratch, &process);
	core_notes(&notes, &process);
	core_head(&head, l.items, l.count, &notes, __ehdr_start.e_machine, PAGE);
	code = sink_begin(c->sink, path, head.len + core_memory_size(l.items, l.count),
			  p->still ? MEMORY(c) : "live",
			  arena_printf(&scratch, "/proc/%d/mem", (int)p->pid), e);
	if (code != 0)
		return code;
	code = sink_write(c->sink, head.bytes, head.len, e);
	if (code == 0)
		code = write_memory(c, memory, &l, &unread, e);
	if (code < 0)
		return -1;
	if (unread) {
		why = arena_printf(&scratch, "%llu bytes could not be read and are zeros",
				   (unsigned long long)unread);
		capture_problem(c, path, "%s", why);
	}
	return sink_end(c->sink, why, e) < 0 ? -1 : code;
}

int capture_memory(struct capture *c, struct err *e)
{
	int code = 0;

	if (c->options->memory == EVIDENCE_MEMORY_NONE)
		return 0;
	for (size_t i = 0; i < c->process_count && code == 0; i++)
		if (c->processes[i].proc >= 0)
			code = write_core(c, &c->processes[i], e);
	return code;
}
