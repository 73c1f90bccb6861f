/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Sockets: the kernel's tables of each network namespace, with the length of every
 * queue and who has the socket open; and, when asked for, what stands in the queues.
 *
 * The tables are read through /proc/PID/net. What is in a queue is read from a duplicate of the
 * descriptor (pidfd_getfd, Linux 5.6), with MSG_PEEK, so that it stays there. Unsent bytes of TCP
 * can be had by nothing but TCP_REPAIR, which holds the socket for the moment of the copy; what
 * that changes (SO_REUSEADDR) is put back.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "guard/capture.h"
#include "guard/sockdiag.h"
#include "json/emit.h"
#include "orlop/auto.h"

enum {
	NAMESPACES_MAX = 64,
	QUEUE_MAX = 16 * 1024 * 1024,
	REPAIR_OFF_WITHOUT_PROBE = -1,
	SEND_QUEUE = 2, NO_QUEUE = 0,
};

static const char *const tables[] = { "tcp", "tcp6", "sockstat", "sockstat6", "udp", "udp6",
	"udplite", "raw", "raw6", "icmp", "unix", "packet", "netlink", "vsock", "sctp/assocs", "route", "ipv6_route", "arp",
	"if_inet6", "dev", "fib_trie", "nf_conntrack", "igmp", "snmp", "netstat" };

/* A number of "TCP: inuse 3 orphan 0 tw 1": -1 when it is not said. */
static long count_in(const char *text, const char *line, const char *word)
{
	const char *at = text ? strstr(text, line) : NULL;
	const char *end = at ? strchrnul(at, '\n') : NULL;
	const char *found = at ? strstr(at, word) : NULL;

	return found && found < end ? strtol(found + strlen(word), NULL, 10) : -1;
}

/*
 * The families of TCP of which the namespace counts neither sockets nor connections that end.
 * Asking for them all the same walks a table of the whole host, six times in all: 10 ms where it
 * has 262,144 rows.
 */
static unsigned without_tcp(struct capture *c, const struct capture_process *p)
{
	auto_arena scratch = ARENA_NONE;
	char *four = capture_read(c, p->proc, "net/sockstat", &scratch, NULL);
	char *six = capture_read(c, p->proc, "net/sockstat6", &scratch, NULL);
	long ending = count_in(four, "TCP:", " tw ");
	unsigned without = 0;

	if (ending == 0 && count_in(four, "TCP:", " inuse ") == 0)
		without |= SOCKDIAG_TCP4;
	if (ending == 0 && count_in(six, "TCP6:", " inuse ") == 0)
		without |= SOCKDIAG_TCP6;
	return without;
}

static int put_namespace(struct capture *c, const struct capture_process *p, unsigned without,
			 struct err *e)
{
	/* The first two are those of TCP. */
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		auto_arena scratch = ARENA_NONE;
		uint64_t began = sink_now(CLOCK_REALTIME);
		char name[32];
		size_t len = 0;
		char *text, *flat;
		int code;

		if (i < 2 && without & 1u << i)
			continue;
		snprintf(name, sizeof(name), "net/%s", tables[i]);
		text = capture_read(c, p->proc, name, &scratch, &len);
		if (!text || !len)
			continue;
		flat = arena_printf(c->arena, "sockets/net-%llu/%s",
				    (unsigned long long)p->netns, tables[i]);
		code = sink_put(c->sink, flat, text, len, began, KERNEL,
				arena_printf(&scratch, "/proc/%d/net/%s", (int)p->pid, tables[i]), e);
		if (code != 0)
			return code;
	}
	return 0;
}

int capture_sockets(struct capture *c, struct err *e)
{
	uint64_t seen[NAMESPACES_MAX];
	size_t count = 0;
	int code = 0;

	for (size_t i = 0; i < c->process_count && code == 0; i++) {
		const struct capture_process *p = &c->processes[i];
		unsigned without;
		size_t k = 0;

		if (p->proc < 0 || !p->netns)
			continue;
		while (k < count && seen[k] != p->netns)
			k++;
		if (k < count)
			continue;
		if (count == NAMESPACES_MAX) {
			capture_problem(c, "sockets", "more than %d network namespaces",
					NAMESPACES_MAX);
			break;
		}
		seen[count++] = p->netns;
		without = without_tcp(c, p);
		code = put_namespace(c, p, without, e);
		if (code == 0)
			code = capture_diag(c, p, without, e);
	}
	return code;
}

/* ---- what stands in the queues ----------------------------------------------------------- */

static size_t peek(int fd, char *buffer, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, buffer, size, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (size_t)n : 0;
}

/* Unsent and unacknowledged bytes; *ret_why says why there are none to be had. */
static size_t peek_unsent(int fd, char *buffer, size_t size, const char **ret_why)
{
	int on = 1, off = REPAIR_OFF_WITHOUT_PROBE, queue = SEND_QUEUE, none = NO_QUEUE, reuse = 0;
	socklen_t len = sizeof(reuse);
	size_t n = 0;

	getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &len);
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) < 0) {
		*ret_why = err_errno_text(errno);
		return 0;
	}
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) == 0)
		n = peek(fd, buffer, size);
	setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &none, sizeof(none));
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) < 0) {
		off = 0;
		setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off));
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	return n;
}

static int number_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

struct queue {
	const struct capture_process *process;
	long fd;
	const char *target;
	int copy;
};

static int put_queue(struct capture *c, const struct queue *q, const char *what,
		     const char *bytes, size_t len, uint64_t began, struct err *e)
{
	return sink_put(c->sink, arena_printf(c->arena, "sockets/queues/%d-%ld.%s",
					      (int)q->process->pid, q->fd, what),
			bytes, len, began, KERNEL,
			arena_printf(c->arena, "/proc/%d/fd/%ld %s", (int)q->process->pid, q->fd,
				     q->target), e);
}

static int take_queues(struct capture *c, const struct queue *q, struct emit *m, char *buffer,
		       struct err *e)
{
	int domain = number_of(q->copy, SOL_SOCKET, SO_DOMAIN);
	int type = number_of(q->copy, SOL_SOCKET, SO_TYPE);
	int protocol = number_of(q->copy, SOL_SOCKET, SO_PROTOCOL);
	int unread = 0, unsent = 0, code = 0;
	bool listens = number_of(q->copy, SOL_SOCKET, SO_ACCEPTCONN) > 0;
	uint64_t began = sink_now(CLOCK_REALTIME);
	const char *why = NULL;
	size_t got = 0, sent = 0;

	if (!listens) {
		ioctl(q->copy, SIOCINQ, &unread);
		ioctl(q->copy, SIOCOUTQ, &unsent);
	}
	if (unread > 0)
		got = peek(q->copy, buffer, QUEUE_MAX);
	if (got)
		code = put_queue(c, q, "unread", buffer, got, began, e);
	if (code == 0 && unsent > 0 && protocol == IPPROTO_TCP) {
		sent = peek_unsent(q->copy, buffer, QUEUE_MAX, &why);
		if (sent)
			code = put_queue(c, q, "unsent", buffer, sent, began, e);
	} else if (unsent > 0) {
		why = "bytes on their way can be had from TCP alone";
	}
	emit_object(m, NULL);
	emit_i64(m, "pid", q->process->pid);
	emit_i64(m, "fd", q->fd);
	emit_str(m, "socket", q->target);
	emit_i64(m, "domain", domain);
	emit_i64(m, "type", type);
	emit_i64(m, "protocol", protocol);
	emit_bool(m, "listens", listens);
	emit_i64(m, "unread", unread);
	emit_u64(m, "unreadTaken", got);
	emit_i64(m, "unsent", unsent);
	emit_u64(m, "unsentTaken", sent);
	/* A datagram socket gives its first message; for the next it would have to be taken away. */
	if (why || (unread > 0 && !got))
		emit_str(m, "why", why ? why : "the queue cannot be looked into");
	emit_end(m);
	return code;
}

static bool is_new(const char *target, struct str_list *seen, struct arena *a)
{
	for (size_t i = 0; i < seen->count; i++)
		if (strcmp(seen->items[i], target) == 0)
			return false;
	if (seen->count % 64 == 0) {
		char **items = arena_new_array(a, char *, seen->count + 64);

		if (seen->count)
			memcpy(items, seen->items, seen->count * sizeof(*items));
		seen->items = items;
	}
	seen->items[seen->count++] = arena_strdup(a, target);
	return true;
}

static int take_process(struct capture *c, const struct capture_process *p, struct emit *m,
			struct str_list *seen, struct arena *a, char *buffer, struct err *e)
{
	auto_fd int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	int pidfd_code = errno;
	int fd = openat(p->proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0;
	auto_dir DIR *fds = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (pidfd < 0)
		capture_problem(c, arena_printf(c->arena, "queues of process %d", (int)p->pid),
				"pidfd_open: %s", err_errno_text(pidfd_code));
	while (fds && pidfd >= 0 && code == 0 && (entry = readdir(fds))) {
		struct queue q = { .process = p, .fd = strtol(entry->d_name, NULL, 10) };
		char target[64] = "";

		/* "." and ".." are no links. */
		if (readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1) < 0 ||
		    strncmp(target, "socket:", 7) != 0 || !is_new(target, seen, a))
			continue;
		q.target = target;
		q.copy = (int)syscall(SYS_pidfd_getfd, pidfd, (int)q.fd, 0);
		if (q.copy < 0) {
			capture_problem(c, target, "pidfd_getfd: %s", err_errno_text(errno));
			continue;
		}
		code = take_queues(c, &q, m, buffer, e);
		close(q.copy);
	}
	return code;
}

int capture_queues(struct capture *c, struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	struct emit m = EMIT_IN(&scratch, 1);
	struct str_list seen = { 0 };
	uint64_t began = sink_now(CLOCK_REALTIME);
	const char *text;
	int code = 0;

	if (!c->options->queues)
		return 0;
	auto_free char *buffer = malloc(QUEUE_MAX);
	if (!buffer)
		return err_sys(e, "memory for the contents of sockets");
	emit_array(&m, NULL);
	for (size_t i = 0; i < c->process_count && code == 0; i++)
		if (c->processes[i].proc >= 0)
			code = take_process(c, &c->processes[i], &m, &seen, &scratch, buffer, e);
	emit_end(&m);
	if (code != 0)
		return code;
	text = emit_get(&m);
	return sink_put(c->sink, "sockets/queues.json", text, strlen(text), began, KERNEL,
			"pidfd_getfd, MSG_PEEK, TCP_REPAIR", e);
}
