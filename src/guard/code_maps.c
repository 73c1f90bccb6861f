/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The regions of a process that can be executed, without those that are the kernel's
 * own. A kernel since 6.11 is asked for these alone; another one writes a line for each region that
 * there is, of which most are data, and that is nearly all of what a look costs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "guard/code.h"
#include "orlop/auto.h"

enum { MAPS_MAX = 64 * 1024 * 1024, NAME_ROOM = 4096 };

/* PROCMAP_QUERY of linux/fs.h, which Debian 12 does not have. */
struct query {
	uint64_t size, flags, address;
	uint64_t start, end, found_flags, page_size, offset, inode;
	uint32_t major, minor, name_size, build_id_size;
	uint64_t name, build_id;
};

#define QUERY _IOWR('f', 17, struct query)

enum { QUERY_WRITABLE = 0x02, QUERY_EXECUTABLE = 0x04, QUERY_OR_NEXT = 0x10 };

/* Code of the kernel's own, which every process has. */
static bool is_kernels(const char *name)
{
	static const char *const names[] = { "[vdso]", "[vsyscall]", "[uprobes]", "[vectors]",
		"[sigpage]" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* 0, 1: this kernel cannot be asked, or not about this name, or -1 and errno. */
static int ask(int fd, code_region_fn *tell, void *data)
{
	char text[NAME_ROOM], file[NAME_ROOM + 64], *name;
	struct query q = { .size = sizeof(q), .flags = QUERY_EXECUTABLE | QUERY_OR_NEXT };

	for (;; q.address = q.end) {
		text[0] = '\0';
		q.name = (uintptr_t)text;
		q.name_size = sizeof(text);
		if (ioctl(fd, QUERY, &q) < 0)
			return errno == ENOENT ? 0 : errno == ESRCH ? -1 : 1;
		snprintf(file, sizeof(file), "%x:%x %llu ", q.major, q.minor,
			 (unsigned long long)q.inode);
		name = file + strlen(file);
		memcpy(name, text, strlen(text) + 1);
		if (!is_kernels(name))
			tell(data, &(struct code_region){ q.start, q.end,
				q.found_flags & QUERY_WRITABLE, file, name });
	}
}

/* start-end perms offset device inode   name */
static void read_line(const char *line, code_region_fn *tell, void *data)
{
	const char *perms = strchr(line, ' ');
	unsigned long long start, end;
	int file = 0, name = 0;

	/* Most of them are not. */
	if (!perms || perms[3] != 'x' ||
	    sscanf(line, "%llx-%llx %*s %*s %n%*s %*s %n", &start, &end, &file, &name) < 2 ||
	    is_kernels(line + name))
		return;
	tell(data, &(struct code_region){ start, end, perms[2] == 'w', line + file, line + name });
}

static int read_all(int fd, code_region_fn *tell, void *data)
{
	auto_arena scratch = ARENA_NONE;
	char *text = fd_read_text(fd, MAPS_MAX, &scratch, NULL), *next;

	if (!text)
		return -1;
	tell(data, NULL);
	for (char *line = text; *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		read_line(line, tell, data);
	}
	return 0;
}

int code_regions(int proc, code_region_fn *tell, void *data)
{
	auto_fd int fd = openat(proc, "maps", O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -1;
	ret = ask(fd, tell, data);
	return ret > 0 ? read_all(fd, tell, data) : ret;
}
