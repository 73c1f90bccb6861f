/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "orlop/auto.h"

int file_open(int dir, const char *name, int flags)
{
	return sys_openat2(dir, name, (uint64_t)flags, 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int file_write(int dir, const char *name, const char *text)
{
	auto_fd int fd = file_open(dir, name, O_WRONLY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -1;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n != len) {
		errno = EIO;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

ssize_t file_read(int dir, const char *name, char *bytes, size_t size)
{
	auto_fd int fd = file_open(dir, name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = fd_read_full(fd, bytes, size - 1);
	if (n < 0)
		return -1;
	if (n > 0 && bytes[n - 1] == '\n')
		n--;
	bytes[n] = '\0';
	return n;
}

char *file_read_path(const char *path, size_t max, struct arena *a, size_t *ret_len)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	if (st.st_size > 0 && (uint64_t)st.st_size > max) {
		errno = EFBIG;
		return NULL;
	}
	return fd_read_text(fd, max, a, ret_len);
}

int file_replace(int dir, const char *name, const void *bytes, size_t len)
{
	char temporary[300];
	int n = snprintf(temporary, sizeof(temporary), ".%s.%d", name, (int)getpid());
	int keep;

	if (n < 0 || (size_t)n >= sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* One left by a crash of a process with our pid is in the way. */
	if (unlinkat(dir, temporary, 0) < 0 && errno != ENOENT)
		return -1;
	auto_fd int fd = openat(dir, temporary,
				O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (fd_write_all(fd, bytes, len) == 0 && renameat(dir, temporary, dir, name) == 0)
		return 0;
	keep = errno;
	unlinkat(dir, temporary, 0);
	errno = keep;
	return -1;
}
