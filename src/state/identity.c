/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Asks /proc and descriptors. It does not know what a container is.
 */
#include "state/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "orlop/auto.h"

enum { PID_FS = 0x50494446 };	/* PID_FS_MAGIC of linux/magic.h, Linux 6.9 */

/* A file of /proc is whole after one read. Returns the length, or -1 and errno. */
static ssize_t read_proc(const char *path, char *bytes, size_t size)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	do
		n = read(fd, bytes, size - 1);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		bytes[n] = '\0';
	return n;
}

int identity_boot(char ret[BOOT_ID_LEN + 1])
{
	/* It does not change while anything of ours runs. */
	static char known[BOOT_ID_LEN + 1];
	char text[64];
	ssize_t n;

	if (*known) {
		memcpy(ret, known, sizeof(known));
		return 0;
	}
	n = read_proc("/proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (n < 0)
		return -1;
	if (n < BOOT_ID_LEN) {
		errno = EINVAL;
		return -1;
	}
	memcpy(known, text, BOOT_ID_LEN);
	memcpy(ret, known, sizeof(known));
	return 0;
}

/*
 * proc(5): "pid (comm) state ppid ...", the start time is field 22. comm may hold anything, also
 * parentheses and newlines, so fields are counted from the last ')'.
 */
static int parse_stat(const char *text, uint64_t *ret_start)
{
	enum { FIELD_STATE = 3, FIELD_START = 22 };
	const char *p = strrchr(text, ')');
	char *end;

	if (!p || p[1] != ' ' || !p[2])
		return -1;
	p += 2;
	for (int field = FIELD_STATE; field < FIELD_START; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -1;
		p++;
	}
	errno = 0;
	*ret_start = strtoull(p, &end, 10);
	return errno || end == p || *end != ' ' ? -1 : 0;
}

int identity_start(pid_t pid, uint64_t *ret_start)
{
	char path[48], text[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	n = read_proc(path, text, sizeof(text));
	if (n < 0) {
		if (errno == ESRCH)	/* it went between open and read */
			return IDENTITY_GONE;
		if (errno == ENOENT && access("/proc/self/stat", F_OK) == 0)
			return IDENTITY_GONE;
		return -1;
	}
	if (parse_stat(text, ret_start) < 0) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int identity_inode(int pidfd, uint64_t *ret)
{
	struct statfs fs;
	struct stat st;

	*ret = 0;
	if (fstatfs(pidfd, &fs) < 0)
		return -1;
	if (fs.f_type != PID_FS)
		return 0;
	if (fstat(pidfd, &st) < 0)
		return -1;
	*ret = st.st_ino;
	return 0;
}
