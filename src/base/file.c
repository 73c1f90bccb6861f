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

enum { WHOLE_BELOW = 2048 };

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

ssize_t file_read_fd(int fd, char *bytes, size_t size)
{
	ssize_t n;

	do
		n = read(fd, bytes, size - 1);
	while (n < 0 && errno == EINTR);
	/* seq_file gives what fits into a page at a time: less than half of one was all. */
	if (n >= WHOLE_BELOW && (size_t)n < size - 1) {
		ssize_t more = fd_read_full(fd, bytes + n, size - 1 - (size_t)n);

		n = more < 0 ? -1 : n + more;
	}
	if (n < 0)
		return -1;
	if (n > 0 && bytes[n - 1] == '\n')
		n--;
	bytes[n] = '\0';
	return n;
}

ssize_t file_read(int dir, const char *name, char *bytes, size_t size)
{
	auto_fd int fd = file_open(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -1 : file_read_fd(fd, bytes, size);
}

char *file_read_path(const char *path, size_t max, struct arena *a, size_t *ret_len)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *bytes;
	ssize_t n;

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
	if (st.st_size == 0)		/* also what /proc says of its files */
		return fd_read_text(fd, max, a, ret_len);
	/* What was its size is all of it: no read only to learn that nothing follows. */
	bytes = arena_alloc(a, (size_t)st.st_size + 1);
	n = fd_read_full(fd, bytes, (size_t)st.st_size);
	if (n < 0)
		return NULL;
	bytes[n] = '\0';
	if (ret_len)
		*ret_len = (size_t)n;
	return bytes;
}

char *file_read_stream(const char *path, size_t max, struct arena *a, size_t *ret_len)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? NULL : fd_read_text(fd, max, a, ret_len);
}

static int create(int dir, const char *name)
{
	return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int file_create(int dir, const char *name, const void *bytes, size_t len)
{
	auto_fd int fd = create(dir, name);

	return fd < 0 ? -1 : fd_write_all(fd, bytes, len);
}

enum { DRAFT_SIZE = 300 };

static int draft_name(const char *name, char ret[DRAFT_SIZE])
{
	int n = snprintf(ret, DRAFT_SIZE, ".%s.%d", name, (int)getpid());

	if (n >= 0 && n < DRAFT_SIZE)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* Gives up a draft, with the errno for which. */
static int drop_draft(int dir, const char *draft)
{
	int keep = errno;

	unlinkat(dir, draft, 0);
	errno = keep;
	return -1;
}

int file_draft(int dir, const char *name, const void *bytes, size_t len)
{
	char draft[DRAFT_SIZE];

	if (draft_name(name, draft) < 0)
		return -1;
	auto_fd int fd = create(dir, draft);
	/* One left by a crash of a process with our pid is in the way, or an earlier one of ours. */
	if (fd < 0 && errno == EEXIST && unlinkat(dir, draft, 0) == 0)
		fd = create(dir, draft);
	if (fd < 0)
		return -1;
	return fd_write_all(fd, bytes, len) == 0 ? 0 : drop_draft(dir, draft);
}

int file_publish(int dir, const char *name)
{
	char draft[DRAFT_SIZE];

	if (draft_name(name, draft) < 0)
		return -1;
	return renameat(dir, draft, dir, name) == 0 ? 0 : drop_draft(dir, draft);
}

int file_replace(int dir, const char *name, const void *bytes, size_t len)
{
	return file_draft(dir, name, bytes, len) < 0 ? -1 : file_publish(dir, name);
}
