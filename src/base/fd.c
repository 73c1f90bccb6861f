/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "orlop/auto.h"

#ifndef MFD_EXEC		/* Linux 6.3; Debian 12's headers are older */
#define MFD_EXEC 0x0010U
#endif

int fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_full(int fd, void *bytes, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)bytes + have, len - have);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

char *fd_read_text(int fd, size_t max, struct arena *a, size_t *ret_len)
{
	size_t room = 4096, have = 0;
	char *bytes = arena_alloc(a, room);

	for (;;) {
		ssize_t n = fd_read_full(fd, bytes + have, room - have - 1);

		if (n < 0)
			return NULL;
		have += (size_t)n;
		if (have > max) {
			errno = EFBIG;
			return NULL;
		}
		if (have < room - 1)
			break;
		char *more = arena_alloc(a, room * 4);

		memcpy(more, bytes, have);
		bytes = more;
		room *= 4;
	}
	bytes[have] = '\0';
	if (ret_len)
		*ret_len = have;
	return bytes;
}

int fd_memfd_sealed(const char *name, const struct iovec *parts, int count)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	auto_fd int fd = memfd_create(name, flags | MFD_EXEC);
	ssize_t len = 0, written;

	if (fd < 0 && errno == EINVAL)		/* before Linux 6.3 */
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -1;
	for (int n = 0; n < count; n++)
		len += (ssize_t)parts[n].iov_len;
	written = writev(fd, parts, count);
	if (written >= 0 && written != len)
		errno = ENOSPC;
	if (written != len || fcntl(fd, F_ADD_SEALS, seals) < 0)
		return -1;
	return take_fd(&fd);
}

int64_t fd_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int fd_wait_readable(int fd, int pidfd, int timeout_ms)
{
	struct pollfd waits[2] = {
		{ .fd = fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN },
	};
	int64_t end = timeout_ms < 0 ? 0 : fd_now_ms() + timeout_ms;

	for (;;) {
		int n = poll(waits, 2, timeout_ms);

		if (n > 0)
			return waits[0].revents ? 0 : FD_PEER_DIED;
		if (n == 0)
			return FD_TIMED_OUT;
		if (errno != EINTR)
			return -1;
		if (timeout_ms > 0) {
			int64_t left = end - fd_now_ms();

			timeout_ms = left > 0 ? (int)left : 0;
		}
	}
}

void fd_message(struct fd_message *ret, const void *bytes, size_t len, int fd)
{
	*ret = (struct fd_message){
		.header = {
			.msg_iov = &ret->part, .msg_iovlen = 1,
			.msg_control = &ret->control, .msg_controllen = sizeof(ret->control),
		},
		.part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len },
		.control.header = {
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int)),
		},
	};
	memcpy(CMSG_DATA(&ret->control.header), &fd, sizeof(fd));
}

int fd_send(int socket, const void *bytes, size_t len, int fd)
{
	struct fd_message message;
	ssize_t n;

	fd_message(&message, bytes, len, fd);
	do
		n = sendmsg(socket, &message.header, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

ssize_t fd_receive(int socket, void *bytes, size_t len, int flags, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = bytes, .iov_len = len };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control.room, .msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *c;
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	if (message.msg_flags & MSG_CTRUNC) {
		auto_close_fd(ret_fd);
		errno = EMFILE;
		return -1;
	}
	return n;
}

/*
 * sun_path holds 107 bytes. A longer path is reached through its directory's descriptor, which
 * needs /proc; without it the kernel's limit is reported.
 */
static int unix_address(const char *path, struct sockaddr_un *ret, socklen_t *ret_len,
			int *ret_dir)
{
	size_t len = strlen(path);
	const char *slash = strrchr(path, '/');

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*ret_dir = -1;
	if (len < sizeof(ret->sun_path)) {
		memcpy(ret->sun_path, path, len);
		*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
		if (path[0] == '@') {
			ret->sun_path[0] = '\0';
			*ret_len -= 1;
		}
		return 0;
	}
	if (!slash || path[0] == '@' || len > 4095 || strlen(slash) > 64) {
		errno = ENAMETOOLONG;
		return -1;
	}
	char dir[4096];

	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	*ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_dir < 0)
		return -1;
	snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d%.64s", *ret_dir, slash);
	*ret_len = sizeof(*ret);
	return 0;
}

int fd_connect_unix(const char *path, int type, int timeout_ms, struct err *e)
{
	struct sockaddr_un address;
	socklen_t len;
	auto_fd int dir = -1;
	auto_fd int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int64_t end = fd_now_ms() + timeout_ms;

	if (fd < 0 || unix_address(path, &address, &len, &dir) < 0)
		return err_sys(e, "socket \"%s\"", path);
	/* A full backlog is EAGAIN and cannot be polled for. */
	while (connect(fd, (struct sockaddr *)&address, len) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(e, "connect to \"%s\"", path);
		if (fd_now_ms() >= end)
			return err_sys_code(e, ETIMEDOUT, "connect to \"%s\"", path);
		poll(NULL, 0, 5);
	}
	if (fcntl(fd, F_SETFL, 0) < 0)
		return err_sys(e, "socket \"%s\"", path);
	return take_fd(&fd);
}
