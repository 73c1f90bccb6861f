/* SPDX-License-Identifier: Apache-2.0 */
#include "child/procfs.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include "child/bytes.h"
#include "child/sys.h"

enum { PROC_ROOT_INODE = 1 };

int procfs_open(bool processes_only)
{
	int fs = (int)SYS(fsopen, "proc", FSOPEN_CLOEXEC);
	long result = fs;

	if (fs < 0)
		return fs;
	if (processes_only)
		result = SYS(fsconfig, fs, FSCONFIG_SET_STRING, "subset", "pid", 0);
	if (result >= 0)
		result = SYS(fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (result >= 0)
		result = SYS(fsmount, fs, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	sys_close(fs);
	return (int)result;
}

int procfs_open_early(bool processes_only)
{
	int procfs = procfs_open(processes_only);
	struct statfs fs;
	struct stat st;

	if (procfs != -EPERM)
		return procfs;
	procfs = (int)SYS(openat, AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (procfs < 0 || (SYS(fstatfs, procfs, &fs) >= 0 && fs.f_type == PROC_SUPER_MAGIC &&
			   SYS(fstat, procfs, &st) >= 0 && st.st_ino == PROC_ROOT_INODE))
		return procfs;
	sys_close(procfs);
	return -EPERM;
}

static int open_file(int procfs, const char *path, int flags)
{
	/* "self" is a link of procfs itself; everything else must be what it seems. */
	uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

	if (!bytes_begin(path, "self/"))
		resolve |= RESOLVE_NO_SYMLINKS;
	return sys_openat2(procfs, path, (uint64_t)flags, resolve);
}

int procfs_write(int procfs, const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open_file(procfs, path, O_WRONLY);
	long n;

	if (fd < 0)
		return fd;
	n = SYS(write, fd, text, len);
	sys_close(fd);
	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EIO;
}

long procfs_read(int procfs, const char *path, char *text, size_t room)
{
	int fd = open_file(procfs, path, O_RDONLY);
	long n;

	if (fd < 0)
		return fd;
	n = SYS(read, fd, text, room - 1);
	sys_close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n;
}

int procfs_exists(int procfs, const char *path)
{
	int fd = open_file(procfs, path, O_PATH);

	if (fd >= 0)
		sys_close(fd);
	return fd < 0 ? fd : 0;
}
