/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/sys.h"
#include "engine/cgroup.h"
#include "orlop/auto.h"

int cgroup_dir_mount(const char *mount, struct err *e)
{
	auto_fd int fd = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs st;

	if (fd < 0 || fstatfs(fd, &st) < 0)
		return err_sys(e, "cgroup2 mount \"%s\"", mount);
	if (st.f_type != CGROUP2_SUPER_MAGIC)
		return err_set(e, ERR_SYSTEM, "\"%s\" is not a cgroup2 file system", mount);
	return take_fd(&fd);
}

static bool is_cgroup2(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

/* Mount and path as one, for the kernel to walk: there are no links in this file system. */
static bool whole_path(const char *mount, const char *path, char ret[2 * PATH_MAX])
{
	return mount[0] == '/' && path[0] == '/' && !strstr(path, "/..") &&
	       snprintf(ret, 2 * PATH_MAX, "%s%s", mount, path) < PATH_MAX;
}

int cgroup_dir_make(const char *mount, const char *path)
{
	char whole[2 * PATH_MAX];
	auto_fd int fd = -1;

	if (!whole_path(mount, path, whole) || mkdir(whole, 0755) < 0)
		return -1;
	fd = open(whole, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && is_cgroup2(fd))
		return take_fd(&fd);
	rmdir(whole);
	return -1;
}

bool cgroup_dir_remove(const char *mount, const char *path)
{
	char whole[2 * PATH_MAX];

	return whole_path(mount, path, whole) && rmdir(whole) == 0;
}

int cgroup_dir_open(int dir, const char *path)
{
	return sys_openat2(dir, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV);
}

int cgroup_dir_above(int dir)
{
	/* A cgroup cannot be renamed in this hierarchy, so ".." is the one it was made in. */
	auto_fd int above = sys_openat2(dir, "..", O_RDONLY | O_DIRECTORY, 0,
					RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	struct statfs st;

	if (above < 0) {
		if (errno == EXDEV)
			errno = ENOENT;
		return -1;
	}
	if (fstatfs(above, &st) < 0)
		return -1;
	if (st.f_type != CGROUP2_SUPER_MAGIC) {
		errno = ENOENT;
		return -1;
	}
	return take_fd(&above);
}

int cgroup_dir_each(int dir, int (*each)(int dir, const char *name, void *argument),
		    void *argument)
{
	_Alignas(struct dirent64) char entries[8192];

	if (lseek(dir, 0, SEEK_SET) < 0)
		return -1;
	for (;;) {
		ssize_t n = getdents64(dir, entries, sizeof(entries));

		if (n <= 0)
			return (int)n;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			int r = 0;

			at += entry->d_reclen;
			if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
			    strcmp(entry->d_name, "..") == 0)
				continue;
			r = each(dir, entry->d_name, argument);
			if (r != 0)
				return r;
		}
	}
}

/* The text of cgroup.events is two lines "populated N" and "frozen N", more may come. */
static int events_read(int file, struct cgroup_events *ret)
{
	char text[256];
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);

	if (n < 0)
		return errno == ENODEV ? CGROUP_ABSENT : -1;
	text[n] = '\0';
	ret->populated = strstr(text, "populated 1") != NULL;
	ret->frozen = strstr(text, "frozen 1") != NULL;
	return 0;
}

int cgroup_events_get(int group, struct cgroup_events *ret)
{
	auto_fd int file = file_open(group, "cgroup.events", O_RDONLY);

	if (file < 0)
		return errno == ENOENT || errno == ENODEV ? CGROUP_ABSENT : -1;
	return events_read(file, ret);
}

int cgroup_events_wait(int group, enum cgroup_event event, bool want, int64_t end)
{
	auto_fd int file = file_open(group, "cgroup.events", O_RDONLY);
	/*
	 * The kernel announces changes of one file at most every 10 ms
	 * (CGROUP_FILE_NOTIFY_MIN_INTV), which is longer than most waits here last; so the file is
	 * read again after growing pauses and the announcement only ends the long ones early.
	 */
	int64_t pause_ns = 50 * 1000;

	if (file < 0)
		return errno == ENOENT || errno == ENODEV ? CGROUP_ABSENT : -1;
	for (;;) {
		struct cgroup_events now;
		struct pollfd change = { .fd = file, .events = POLLPRI };
		struct timespec pause = { .tv_nsec = pause_ns };
		int r = events_read(file, &now);

		if (r != 0)
			return r;
		if ((event == CGROUP_EVENT_POPULATED ? now.populated : now.frozen) == want)
			return 0;
		if (fd_now_ms() >= end)
			return CGROUP_TIMED_OUT;
		if (ppoll(&change, 1, &pause, NULL) < 0 && errno != EINTR)
			return -1;
		if (pause_ns < 20 * 1000 * 1000)
			pause_ns *= 2;
	}
}

bool cgroup_words_have(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += len)
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
			return true;
	return false;
}
