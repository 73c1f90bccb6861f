/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket stays in blocking mode and every operation on it is MSG_DONTWAIT after a poll with
 * what is left of the time, so no call can wait beyond the deadline.
 */
#include "engine/bus.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "orlop/auto.h"

enum { LINE_SIZE = 256, LINES_MAX = 8 };

void bus_close(struct bus *b)
{
	auto_close_fd(&b->fd);
}

static int timed_out(const struct bus *b, struct err *e)
{
	return err_sys_code(e, ETIMEDOUT, "no answer from \"%s\"", b->path);
}

/* Waits for the socket; 0, or -1 with the reason. */
static int wait_for(const struct bus *b, short events, int64_t end, struct err *e)
{
	for (;;) {
		struct pollfd p = { .fd = b->fd, .events = events };
		int64_t left = end - fd_now_ms();
		int n = poll(&p, 1, left <= 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(e, "poll \"%s\"", b->path);
		if (fd_now_ms() >= end)
			return timed_out(b, e);
	}
}

static int send_all(const struct bus *b, const char *bytes, size_t len, int64_t end,
		    struct err *e)
{
	while (len > 0) {
		ssize_t n = send(b->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (wait_for(b, POLLOUT, end, e) < 0)
				return -1;
		} else if (errno != EINTR) {
			return err_sys(e, "write to \"%s\"", b->path);
		}
	}
	return 0;
}

static int receive_all(const struct bus *b, unsigned char *bytes, size_t len, int64_t end,
		       struct err *e)
{
	while (len > 0) {
		ssize_t n = recv(b->fd, bytes, len, MSG_DONTWAIT);

		if (n == 0)
			return err_sys_code(e, ECONNRESET, "read from \"%s\"", b->path);
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (wait_for(b, POLLIN, end, e) < 0)
				return -1;
		} else if (errno != EINTR) {
			return err_sys(e, "read from \"%s\"", b->path);
		}
	}
	return 0;
}

static int read_line(const struct bus *b, char line[LINE_SIZE], int64_t end, struct err *e)
{
	for (size_t len = 0; len < LINE_SIZE; len++) {
		if (receive_all(b, (unsigned char *)line + len, 1, end, e) < 0)
			return -1;
		if (line[len] == '\n' && len > 0 && line[len - 1] == '\r') {
			line[len - 1] = '\0';
			return 0;
		}
	}
	return err_set(e, ERR_SYSTEM, "\"%s\" does not speak D-Bus", b->path);
}

/*
 * Mechanism EXTERNAL with nobody named: the peer takes the user that the kernel says we are, so
 * this works in user namespaces, where our own idea of the number is another one. The three lines
 * go out at once: two waits less.
 */
static int authenticate(const struct bus *b, int64_t end, struct err *e)
{
	static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	char line[LINE_SIZE];

	if (send_all(b, hello, sizeof(hello) - 1, end, e) < 0)
		return -1;
	for (unsigned n = 0; n < LINES_MAX; n++) {
		if (read_line(b, line, end, e) < 0)
			return -1;
		if (strncmp(line, "OK ", 3) == 0)
			return 0;
		if (strncmp(line, "DATA", 4) != 0)
			break;
	}
	return err_set(e, ERR_SYSTEM, "\"%s\" refused this user (D-Bus authentication)", b->path);
}

static int say_hello(struct bus *b, int64_t end, struct err *e)
{
	struct dbus_message reply;

	if (bus_call(b, (struct dbus_call){ .destination = "org.freedesktop.DBus",
			.path = "/org/freedesktop/DBus", .interface = "org.freedesktop.DBus",
			.member = "Hello" }, NULL, end, &reply, e) < 0)
		return -1;
	return reply.type == DBUS_REPLY ? 0 :
	       err_set(e, ERR_SYSTEM, "\"%s\": %s", b->path, bus_error_text(&reply, b->arena));
}

int bus_open(const char *path, bool broker, int64_t end, struct arena *a, struct bus *ret,
	     struct err *e)
{
	int64_t left = end - fd_now_ms();
	auto_bus b = { .fd = -1, .broker = broker, .arena = a, .path = path };

	b.fd = fd_connect_unix(path, SOCK_STREAM, left > 0 ? (int)left : 0, e);
	if (b.fd < 0 || authenticate(&b, end, e) < 0 || (broker && say_hello(&b, end, e) < 0))
		return -1;
	*ret = b;
	b.fd = -1;
	return 0;
}

int bus_send(struct bus *b, struct dbus_call call, const struct text *body, int64_t end,
	     struct err *e)
{
	struct text t = TEXT_IN(b->arena);

	call.serial = ++b->serial;
	dbus_put_call(&t, &call, body);
	return send_all(b, t.bytes, t.len, end, e);
}

int bus_receive(struct bus *b, int64_t end, struct dbus_message *ret, struct err *e)
{
	unsigned char head[DBUS_HEAD], *bytes;
	size_t size;

	if (receive_all(b, head, sizeof(head), end, e) < 0)
		return -1;
	size = dbus_message_size(head);
	bytes = arena_alloc(b->arena, size);
	if (size >= DBUS_HEAD) {
		memcpy(bytes, head, DBUS_HEAD);
		if (receive_all(b, bytes + DBUS_HEAD, size - DBUS_HEAD, end, e) < 0)
			return -1;
	}
	if (!dbus_message_read(bytes, size, ret))
		return err_set(e, ERR_SYSTEM, "\"%s\" sent what is no D-Bus message", b->path);
	return 0;
}

int bus_call(struct bus *b, struct dbus_call call, const struct text *body, int64_t end,
	     struct dbus_message *ret, struct err *e)
{
	if (bus_send(b, call, body, end, e) < 0)
		return -1;
	/* A peer that sends other things for ever ends with the time as well. */
	while (fd_now_ms() < end) {
		if (bus_receive(b, end, ret, e) < 0)
			return -1;
		if ((ret->type == DBUS_REPLY || ret->type == DBUS_ERROR) &&
		    ret->reply_to == b->serial)
			return 0;
	}
	return timed_out(b, e);
}

const char *bus_error_text(const struct dbus_message *m, struct arena *a)
{
	struct dbus_reader body = m->body;
	const char *said = m->signature[0] == 's' ? dbus_get_string(&body) : "";
	char *text = arena_printf(a, "%.200s", body.bad || !*said ? m->error : said);

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return text;
}
