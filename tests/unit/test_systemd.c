/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of systemd against managers that this test plays itself: one that answers, and many
 * that do not, or not what was asked. Needs neither root nor systemd.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "check.h"
#include "engine/systemd.h"
#include "base/systemd_place.h"
#include "orlop/auto.h"

enum { WAIT_MS = 300 };

static char path[108];
static struct arena server_arena;

static void send_text(int fd, const struct text *t)
{
	if (fd_write_all(fd, t->bytes, t->len) < 0)
		_exit(1);
}

/* A message other than a call: type, to which call, one body of strings and at first a number. */
static void say(int fd, enum dbus_type type, uint32_t reply_to, const char *name,
		const char *signature, const char *const strings[])
{
	struct text t = TEXT_IN(&server_arena), body = TEXT_IN(&server_arena);
	struct dbus_array fields;

	for (const char *c = signature; *c; c++) {
		if (*c == 'u')
			dbus_put_u32(&body, 7);
		else if (*c == 'v')
			dbus_put_signature(&body, "s");
		if (*c != 'u')
			dbus_put_string(&body, *strings++);
	}
	dbus_put_byte(&t, 'l');
	dbus_put_byte(&t, (uint8_t)type);
	dbus_put_byte(&t, 0);
	dbus_put_byte(&t, 1);
	dbus_put_u32(&t, (uint32_t)body.len);
	dbus_put_u32(&t, 99);
	fields = dbus_array_begin(&t, 8);
	if (reply_to) {
		dbus_put_byte(&t, 5);
		dbus_put_signature(&t, "u");
		dbus_put_u32(&t, reply_to);
	}
	if (type == DBUS_SIGNAL) {
		dbus_put_padding(&t, 8);
		dbus_put_byte(&t, 1);
		dbus_put_signature(&t, "o");
		dbus_put_string(&t, "/org/freedesktop/systemd1");
		dbus_put_padding(&t, 8);
		dbus_put_byte(&t, 2);
		dbus_put_signature(&t, "s");
		dbus_put_string(&t, "org.freedesktop.systemd1.Manager");
	}
	if (name) {
		dbus_put_padding(&t, 8);
		dbus_put_byte(&t, type == DBUS_ERROR ? 4 : 3);
		dbus_put_signature(&t, "s");
		dbus_put_string(&t, name);
	}
	if (*signature) {
		dbus_put_padding(&t, 8);
		dbus_put_byte(&t, 8);
		dbus_put_signature(&t, "g");
		dbus_put_signature(&t, signature);
	}
	dbus_array_end(&t, fields);
	dbus_put_padding(&t, 8);
	text_add(&t, body.bytes ? body.bytes : "", body.len);
	send_text(fd, &t);
}

static void removed(int fd, const char *job, const char *result)
{
	say(fd, DBUS_SIGNAL, 0, "JobRemoved", "uoss",
	    (const char *const[]){ job, "x.scope", result });
}

static void answer_job(int fd, uint32_t to, const char *job)
{
	say(fd, DBUS_REPLY, to, NULL, "o", (const char *const[]){ job });
}

static void refuse(int fd, uint32_t to, const char *name)
{
	say(fd, DBUS_ERROR, to, name, "s", (const char *const[]){ "no\nway" });
}

/* Reads one call; its member and serial. */
static uint32_t hear(int fd, char member[64])
{
	unsigned char bytes[8192];
	struct dbus_message m;
	size_t size;

	if (fd_read_full(fd, bytes, DBUS_HEAD) != DBUS_HEAD)
		_exit(0);
	size = dbus_message_size(bytes);
	if (size < DBUS_HEAD || size > sizeof(bytes) ||
	    fd_read_full(fd, bytes + DBUS_HEAD, size - DBUS_HEAD) != (ssize_t)(size - DBUS_HEAD) ||
	    !dbus_message_read(bytes, size, &m))
		_exit(1);
	snprintf(member, 64, "%s", m.member);
	return m.serial;
}

enum part {
	GOOD, EARLY, OTHERS, EXISTS_ONCE, EXISTS, FAILED, DENIED, NO_JOB, SILENT, SILENT_JOB,
	CHATTER, GARBAGE, CLOSES, AUTH_SILENT, AUTH_REFUSED, AUTH_ENDLESS, NO_UNIT,
};

static void play_start(int fd, enum part part, uint32_t serial, unsigned starts)
{
	if (part == EARLY)
		removed(fd, "/job/1", "done");
	if (part == OTHERS) {
		removed(fd, "/job/2", "failed");
		answer_job(fd, serial + 1000, "/job/2");
	}
	if (part == SILENT)
		return;
	if (part == GARBAGE && write(fd, "no message at all, whatever", 27) > 0)
		return;
	if (part == CLOSES)
		_exit(0);
	while (part == CHATTER) {
		removed(fd, "/job/2", "done");
		usleep(1000);
	}
	if (part == DENIED)
		refuse(fd, serial, "org.freedesktop.DBus.Error.AccessDenied");
	else if (part == NO_JOB)
		say(fd, DBUS_REPLY, serial, NULL, "", NULL);
	else if (part == EXISTS || (part == EXISTS_ONCE && starts == 1))
		refuse(fd, serial, "org.freedesktop.systemd1.UnitExists");
	else if (part == NO_UNIT)
		refuse(fd, serial, "org.freedesktop.systemd1.NoSuchUnit");
	else
		answer_job(fd, serial, "/job/1");
	if (part == GOOD || part == OTHERS || part == EXISTS_ONCE)
		removed(fd, "/job/1", "done");
	if (part == FAILED)
		removed(fd, "/job/1", "failed");
}

static _Noreturn void play(int listener, enum part part)
{
	static const char ok[] = "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n";
	int fd = accept(listener, NULL, NULL);
	char hello[29], member[64];
	unsigned starts = 0;

	if (fd < 0 || fd_read_full(fd, hello, sizeof(hello)) != sizeof(hello))
		_exit(1);
	while (part == AUTH_SILENT)
		pause();
	while (part == AUTH_ENDLESS)
		if (write(fd, "DATA ", 5) < 0)
			_exit(0);
	if (part == AUTH_REFUSED && write(fd, "REJECTED EXTERNAL\r\n", 19) > 0)
		_exit(0);
	if (fd_write_all(fd, ok, sizeof(ok) - 1) < 0)
		_exit(1);
	for (;;) {
		uint32_t serial = hear(fd, member);

		if (strcmp(member, "Get") == 0)
			say(fd, DBUS_REPLY, serial, NULL, "v", (const char *const[]){ "252.1" });
		else if (strcmp(member, "ResetFailedUnit") == 0)
			refuse(fd, serial, "org.freedesktop.systemd1.NoSuchUnit");
		else
			play_start(fd, part, serial, ++starts);
	}
}

static pid_t begin(enum part part, struct arena *a, struct systemd *s, int *ret, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	      listen(listener, 1) == 0, "%s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		alarm(20);
		play(listener, part);
	}
	*s = (struct systemd){ .timeout_ms = WAIT_MS };
	*ret = bus_open(path, false, fd_now_ms() + WAIT_MS, a, &s->bus, e);
	unlink(path);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void managers_of_all_kinds(void)
{
	static const struct {
		enum part part;
		int result;
		const char *text;
	} rows[] = {
		{ GOOD, 0 }, { EARLY, 0 }, { OTHERS, 0 }, { EXISTS_ONCE, 0 },
		{ EXISTS, -1, "has that name" },
		{ FAILED, -1, "unable to create systemd unit \"x.scope\" (got \"failed\")" },
		{ DENIED, -1, "systemd: no?way" },
		{ NO_JOB, -1, "names no job" },
		{ SILENT, -1, "Timeout waiting for systemd to create x.scope" },
		{ SILENT_JOB, -1, "Timeout waiting for systemd to create x.scope" },
		{ CHATTER, -1, "Timeout waiting for systemd to create x.scope" },
		{ GARBAGE, -1, "no D-Bus message" },
		{ CLOSES, -1, "connection reset" },
		{ AUTH_SILENT, -1, "no answer" },
		{ AUTH_REFUSED, -1, "refused this user" },
		{ AUTH_ENDLESS, -1, "does not speak D-Bus" },
	};
	struct plan_unit_property properties[] = {
		{ .name = "Slice", .type = 's', .text = "a.slice" },
		{ .name = "OOMPolicy", .type = 's', .text = "kill", .since = 253 },
		{ .name = "AllowedCPUs", .type = 'y', .bytes = (const unsigned char *)"\7",
		  .len = 1 },
		{ .name = "TasksMax", .type = 't', .number = 5 },
		{ .name = "Delegate", .type = 'b', .number = 1 },
	};
	struct plan_cgroup plan = { .unit = "x.scope" };

	plan.properties.items = properties;
	plan.properties.count = ARRAY_LEN(properties);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		auto_systemd s = SYSTEMD_NONE;
		int64_t before = fd_now_ms(), took;
		struct err e = { 0 };
		int r;
		pid_t pid = begin(rows[i].part, &a, &s, &r, &e);

		if (r == 0)
			r = systemd_start_scope(&s, &plan, 42, &e);
		took = fd_now_ms() - before;
		CHECK(r == rows[i].result, "row %zu: %s", i, e.text);
		CHECK(!rows[i].text || strstr(e.text, rows[i].text), "row %zu: %s", i, e.text);
		/* Two waits at the most, and a machine that is busy. */
		CHECK(took < 2 * WAIT_MS + 5000, "row %zu: %lld ms", i, (long long)took);
		end(pid);
	}
}

static void stopping(void)
{
	static const struct {
		enum part part;
		int result;
	} rows[] = { { GOOD, 0 }, { NO_UNIT, 0 }, { FAILED, -1 }, { DENIED, -1 }, { SILENT, -1 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		auto_systemd s = SYSTEMD_NONE;
		struct err e = { 0 };
		int r;
		pid_t pid = begin(rows[i].part, &a, &s, &r, &e);

		CHECK(r == 0 && systemd_stop(&s, "x.scope", &e) == rows[i].result, "row %zu: %s", i,
		      e.text);
		CHECK(rows[i].part != SILENT || e.code == ETIMEDOUT);
		end(pid);
	}
}

static void where_a_manager_is(void)
{
	static const struct {
		const char *address, *path;
	} rows[] = {
		{ "unix:path=/run/user/7/bus", "/run/user/7/bus" },
		{ "unix:path=/run/user/7/bus,guid=12;tcp:host=x", "/run/user/7/bus" },
		{ "unix:path=/a%2fb%20c", "/a/b c" },
		{ "unix:abstract=/tmp/dbus-1", "@/tmp/dbus-1" },
		{ "unix:abstract=", NULL }, { "unix:path=relative", NULL },
		{ "unix:path=/a%2", NULL }, { "unix:path=/a%", NULL }, { "unix:path=/a%00", NULL },
		{ "unix:path=/a%zz", NULL }, { "unix:path=/", NULL },
		{ "tcp:host=localhost", NULL }, { "", NULL },
	};
	struct systemd_place p[SYSTEMD_PLACES_MAX];
	auto_arena a = ARENA_NONE;

	CHECK(systemd_places(false, "/x", "unix:path=/y", &a, p) == 2);
	CHECK_STR(p[0].path, "/run/systemd/private");
	CHECK(!p[0].broker && p[1].broker);
	CHECK(systemd_places(true, NULL, NULL, &a, p) == 0);
	CHECK(systemd_places(true, "relative", NULL, &a, p) == 0);
	CHECK(systemd_places(true, "/run/user/7", NULL, &a, p) == 2);
	CHECK_STR(p[0].path, "/run/user/7/systemd/private");
	CHECK_STR(p[1].path, "/run/user/7/bus");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t count = systemd_places(true, NULL, rows[i].address, &a, p);

		CHECK(count == (rows[i].path != NULL), "row %zu", i);
		if (count)
			CHECK_STR(p[0].path, rows[i].path);
	}
}

int main(void)
{
	char dir[] = "/tmp/orlop-systemd-XXXXXX";

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		return 77;
	snprintf(path, sizeof(path), "%s/s", dir);
	managers_of_all_kinds();
	stopping();
	where_a_manager_is();
	rmdir(dir);
	return check_result();
}
