/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/file.h"
#include "orlop/auto.h"

enum { PROC_ROOT_INODE = 1 };

static int open_own(void)
{
	auto_fd int fs = fsopen("proc", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC,
		       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int procfs_open(struct err *e)
{
	auto_fd int fd = open_own();
	struct statfs fs;
	struct stat st;

	if (fd >= 0)
		return take_fd(&fd);
	if (errno != EPERM)
		return err_sys(e, "procfs");
	fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "/proc");
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
		return err_set(e, ERR_POLICY, "/proc: is not the root of a procfs");
	return take_fd(&fd);
}

static void path_of(char *path, size_t size, pid_t pid, const char *name)
{
	snprintf(path, size, "%d/%s", (int)pid, name);
}

int procfs_write(int procfs, pid_t pid, const char *name, const char *text, struct err *e)
{
	char path[64];

	path_of(path, sizeof(path), pid, name);
	if (file_write(procfs, path, text) < 0)
		return err_sys(e, "write /proc/%s", path);
	return 0;
}

ssize_t procfs_read(int procfs, pid_t pid, const char *name, char *bytes, size_t size,
		    struct err *e)
{
	char path[64] = "/proc/";
	char *below = path + 6;
	auto_fd int fd = -1;
	ssize_t n;

	path_of(below, sizeof(path) - 6, pid, name);
	fd = procfs >= 0 ? file_open(procfs, below, O_RDONLY) : open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : file_read_fd(fd, bytes, size);
	return n < 0 ? err_sys(e, "read %s", path) : n;
}

/* The fourth word; the second is a name in brackets, which may have any in it. */
static pid_t parent_of(pid_t pid)
{
	struct err ignored;
	char text[1024];
	const char *at;
	int parent;

	if (procfs_read(-1, pid, "stat", text, sizeof(text), &ignored) < 0)
		return 0;
	at = strrchr(text, ')');
	return at && sscanf(at, ") %*c %d", &parent) == 1 ? parent : 0;
}

bool procfs_descends(pid_t pid, pid_t from)
{
	while (pid > 1 && pid != from)
		pid = parent_of(pid);
	return pid == from;
}

int procfs_open_ns(int procfs, pid_t pid, const char *kind, struct err *e)
{
	char path[64] = "/proc/";
	char *below = path + 6;
	int fd;

	snprintf(below, sizeof(path) - 6, "%d/ns/%s", (int)pid, kind);
	fd = openat(procfs, procfs >= 0 ? below : path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s", path) : fd;
}
