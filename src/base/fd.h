/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: whole reads and writes, descriptors through sockets, deadlines. Every descriptor
 * made here is close-on-exec.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "orlop/arena.h"
#include "orlop/err.h"

/* Writes all of it; -1 and errno. EINTR and short writes are continued. */
int fd_write_all(int fd, const void *bytes, size_t len) __attribute__((warn_unused_result));

/* Reads until `len` bytes or the end of the file; returns the count, or -1 and errno. */
ssize_t fd_read_full(int fd, void *bytes, size_t len) __attribute__((warn_unused_result));

/*
 * Reads to the end into the arena, terminated. Returns the bytes and *ret_len, or NULL and errno;
 * more than `max` bytes are EFBIG.
 */
char *fd_read_text(int fd, size_t max, struct arena *a, size_t *ret_len)
	__attribute__((warn_unused_result));

/*
 * A sealed (no write, shrink, grow or new seals) file in memory that may be executed and consists
 * of these parts; -1 and errno.
 */
int fd_memfd_sealed(const char *name, const struct iovec *parts, int count)
	__attribute__((warn_unused_result));

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t fd_now_ms(void);

/*
 * Waits until `fd` can be read, or, when it is not negative, `pidfd` says that the process has
 * ended. Returns 0 when fd is ready (also when both are), FD_PEER_DIED, FD_TIMED_OUT, or -1 and
 * errno. timeout_ms -1 waits without end.
 */
enum { FD_PEER_DIED = 1, FD_TIMED_OUT = 2 };
int fd_wait_readable(int fd, int pidfd, int timeout_ms) __attribute__((warn_unused_result));

/* What sendmsg(2) takes to send `len` bytes with one descriptor (SCM_RIGHTS). Refers to the bytes. */
struct fd_message {
	struct msghdr header;
	struct iovec part;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
};

void fd_message(struct fd_message *ret, const void *bytes, size_t len, int fd);

/* Sends it; -1 and errno. Never SIGPIPE. */
int fd_send(int socket, const void *bytes, size_t len, int fd)
	__attribute__((warn_unused_result));

/*
 * Receives a message and at most one descriptor; *ret_fd is -1 when there was none. `flags` are
 * recvmsg's: MSG_DONTWAIT or 0. The length, or -1 and errno; EMFILE when there was a descriptor and
 * no room for it.
 */
ssize_t fd_receive(int socket, void *bytes, size_t len, int flags, int *ret_fd)
	__attribute__((warn_unused_result));

/*
 * Connects to a unix stream (or seqpacket) socket by path, also one longer than sun_path holds,
 * within timeout_ms. A leading '@' means the abstract namespace. Returns the socket or -1 and *e.
 */
int fd_connect_unix(const char *path, int type, int timeout_ms, struct err *e)
	__attribute__((warn_unused_result));
