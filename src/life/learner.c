/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Answering with CONTINUE, which lets the kernel do what was asked for. Addresses are
 * read from the memory of the process that waits: what it connects to a moment later may differ,
 * which matters to nobody who wants to be learned from.
 */
#include "life/learner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/seccomp_watch.h"
#include "orlop/auto.h"

enum { LISTENERS_MAX = 64, HAND_OVER_MS = 1000 };

union notice {
	struct seccomp_notif notice;
	char room[512];
};

/* ---- addresses --------------------------------------------------------------------------- */

static bool read_memory(pid_t pid, uint64_t at, void *bytes, size_t len)
{
	struct iovec here = { bytes, len }, there = { (void *)(uintptr_t)at, len };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

static void add_address(struct learner *l, const char *text)
{
	for (uint32_t i = 0; i < l->address_count; i++)
		if (strcmp(l->addresses[i], text) == 0)
			return;
	if (l->address_count == LEARNER_ADDRESSES) {
		l->more_addresses = 1;
		return;
	}
	snprintf(l->addresses[l->address_count++], LEARNER_ADDRESS_MAX, "%s", text);
}

static void note_unix(struct learner *l, const char *verb, const struct sockaddr_un *un, size_t len)
{
	char text[LEARNER_ADDRESS_MAX];
	size_t at = offsetof(struct sockaddr_un, sun_path);
	int n = snprintf(text, sizeof(text), "%s unix:", verb);

	for (; at < len && n < (int)sizeof(text) - 1; at++) {
		unsigned char c = ((const unsigned char *)un)[at];

		if (!c && at > offsetof(struct sockaddr_un, sun_path))
			break;
		/* A NUL in front is how the kernel writes an abstract name. */
		text[n++] = !c ? '@' : c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	text[n] = '\0';
	add_address(l, text);
}

static void note_address(struct learner *l, const char *verb, const struct sockaddr_storage *s,
			 size_t len)
{
	char text[LEARNER_ADDRESS_MAX], name[INET6_ADDRSTRLEN];
	const struct sockaddr_in *in = (const void *)s;
	const struct sockaddr_in6 *in6 = (const void *)s;

	if (s->ss_family == AF_INET && len >= sizeof(*in)) {
		inet_ntop(AF_INET, &in->sin_addr, name, sizeof(name));
		snprintf(text, sizeof(text), "%s %s:%u", verb, name, ntohs(in->sin_port));
		add_address(l, text);
	} else if (s->ss_family == AF_INET6 &&
		   len >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
		inet_ntop(AF_INET6, &in6->sin6_addr, name, sizeof(name));
		snprintf(text, sizeof(text), "%s [%s]:%u", verb, name, ntohs(in6->sin6_port));
		add_address(l, text);
	} else if (s->ss_family == AF_UNIX) {
		note_unix(l, verb, (const void *)s, len);
	}
}

static void read_address(struct learner *l, const struct seccomp_notif *n, const char *verb,
			 uint64_t at, uint64_t len)
{
	struct sockaddr_storage s = { 0 };

	if (!at || len < sizeof(s.ss_family))
		return;
	if (len > sizeof(s))
		len = sizeof(s);
	if (read_memory((pid_t)n->pid, at, &s, len))
		note_address(l, verb, &s, len);
}

/* Only of the native architecture, whose arguments these are. */
static void look_at_network(struct learner *l, const struct seccomp_notif *n)
{
	const uint64_t *args = (const uint64_t *)n->data.args;
	struct msghdr message;

	switch (n->data.nr) {
	case SYS_connect:
		read_address(l, n, "connect", args[1], (uint32_t)args[2]);
		break;
	case SYS_bind:
		read_address(l, n, "bind", args[1], (uint32_t)args[2]);
		break;
	case SYS_sendto:
		read_address(l, n, "send", args[4], (uint32_t)args[5]);
		break;
	case SYS_sendmsg:
	case SYS_sendmmsg:
		if (read_memory((pid_t)n->pid, args[1], &message, sizeof(message)))
			read_address(l, n, "send", (uintptr_t)message.msg_name,
				     message.msg_namelen);
		break;
	default:
		break;
	}
}

/* ---- calls ------------------------------------------------------------------------------- */

static void note_call(struct learner *l, const struct seccomp_notif *n)
{
	for (int i = 0; i < LEARNER_ARCHES; i++) {
		if (!l->arches[i])
			l->arches[i] = n->data.arch;
		if (l->arches[i] != n->data.arch)
			continue;
		if (n->data.nr >= 0 && n->data.nr < LEARNER_CALLS)
			l->calls[i][n->data.nr] = 1;
		if (i == 0)		/* the first one is native: execve was ours */
			look_at_network(l, n);
		return;
	}
}

/* -1 when nobody has the filter any more. */
static int answer(struct learner *l, int listener)
{
	union notice u = { .room = "" };
	union { struct seccomp_notif_resp answer; char room[512]; } yes = { .room = "" };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &u.notice) < 0)
		return errno == ENOENT || errno == EINTR ? 0 : -1;
	note_call(l, &u.notice);
	yes.answer.id = u.notice.id;
	yes.answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &yes.answer) < 0 && errno != ENOENT)
		l->failed = 1;
	return 0;
}

static int take_listener(int socket)
{
	char document[4096];
	auto_fd int peer = accept4(socket, NULL, NULL, SOCK_CLOEXEC);
	int fd = -1;

	if (peer < 0 || fd_wait_readable(peer, -1, HAND_OVER_MS) != 0 ||
	    fd_receive(peer, document, sizeof(document), MSG_DONTWAIT, &fd) < 0)
		return -1;
	return fd;
}

void learner_serve(int socket, int stop, struct learner *ret)
{
	struct pollfd p[2 + LISTENERS_MAX];
	int listeners[LISTENERS_MAX];
	size_t count = 0;

	for (;;) {
		size_t polled = count;

		p[0] = (struct pollfd){ .fd = count < LISTENERS_MAX ? socket : -1,
					.events = POLLIN };
		p[1] = (struct pollfd){ .fd = stop, .events = POLLIN };
		for (size_t i = 0; i < polled; i++)
			p[2 + i] = (struct pollfd){ .fd = listeners[i], .events = POLLIN };
		if (poll(p, (nfds_t)(2 + polled), -1) < 0 && errno != EINTR)
			return;
		for (size_t i = polled; i-- > 0;) {
			bool ended = p[2 + i].revents & (POLLHUP | POLLERR);

			if (p[2 + i].revents & POLLIN && answer(ret, listeners[i]) < 0)
				ended = true;
			if (ended) {
				close(listeners[i]);
				listeners[i] = listeners[--count];
			}
		}
		if (p[0].revents) {
			int fd = take_listener(socket);

			if (fd >= 0)
				listeners[count++] = fd;
		}
		if (p[1].revents)
			return;
	}
}
