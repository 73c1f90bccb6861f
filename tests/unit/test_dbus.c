/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The D-Bus wire: bytes that a systemd 257 and we have exchanged (tests/unit/dbus, in hex), and bytes that
 * nobody sends who means well.
 */
#include <stdlib.h>

#include "base/dbus.h"
#include "base/file.h"
#include "check.h"
#include "orlop/auto.h"

static const unsigned char *recorded(const char *name, struct arena *a, size_t *len)
{
	char *path = arena_printf(a, "%s/tests/unit/dbus/%s", SOURCE_ROOT, name);
	char *text = file_read_path(path, DBUS_MESSAGE_MAX, a, len), digits[3] = "";
	unsigned char *bytes = arena_alloc(a, *len / 2 + 1);

	CHECK(text, "%s", path);
	*len = 0;
	for (const char *c = text ? text : ""; *c; c += *c == '\n') {
		for (; *c && *c != '\n'; c += 2) {
			memcpy(digits, c, 2);
			bytes[(*len)++] = (unsigned char)strtoul(digits, NULL, 16);
		}
	}
	/* Without a byte to spare, so that a sanitizer sees the end. */
	return memcpy(arena_alloc(a, *len), bytes, *len);
}

static void a_call_is_written_as_recorded(void)
{
	auto_arena a = ARENA_NONE;
	struct text body = TEXT_IN(&a), t = TEXT_IN(&a);
	size_t len;
	const unsigned char *want = recorded("call-Get", &a, &len);

	dbus_put_string(&body, "org.freedesktop.systemd1.Manager");
	dbus_put_string(&body, "ControlGroup");
	dbus_put_call(&t, &(struct dbus_call){ .serial = 1, .path = "/org/freedesktop/systemd1",
		.destination = "org.freedesktop.systemd1", .member = "Get", .signature = "ss",
		.interface = "org.freedesktop.DBus.Properties" }, &body);
	CHECK(t.len == len && memcmp(t.bytes, want, len) == 0, "%zu of %zu bytes", t.len, len);
}

static void recorded_messages_are_read(void)
{
	static const struct {
		const char *name;
		enum dbus_type type;
		const char *member, *signature;
		uint32_t reply_to;
	} rows[] = {
		{ "reply-1", DBUS_REPLY, "", "v", 1 },
		{ "reply-4", DBUS_REPLY, "", "o", 2 },
		{ "signal-JobNew", DBUS_SIGNAL, "JobNew", "uos" },
		{ "signal-UnitNew", DBUS_SIGNAL, "UnitNew", "so" },
		{ "signal-PropertiesChanged", DBUS_SIGNAL, "PropertiesChanged", "sa{sv}as" },
		{ "signal-JobRemoved", DBUS_SIGNAL, "JobRemoved", "uoss" },
		{ "call-StartTransientUnit", DBUS_CALL, "StartTransientUnit",
		  "ssa(sv)a(sa(sv))" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		struct dbus_message m;
		size_t len;
		const unsigned char *bytes = recorded(rows[i].name, &a, &len);
		const char *type;

		CHECK(dbus_message_size(bytes) == len);
		CHECK(dbus_message_read(bytes, len, &m), "%s", rows[i].name);
		CHECK(m.type == rows[i].type && m.reply_to == rows[i].reply_to);
		CHECK_STR(m.member, rows[i].member);
		CHECK_STR(m.signature, rows[i].signature);
		for (type = m.signature; *type;)
			dbus_skip(&m.body, &type);
		CHECK(!m.body.bad && m.body.at == m.body.len, "%s: %zu of %zu", rows[i].name,
		      m.body.at, m.body.len);
	}
}

static void a_job_that_ended_says_how(void)
{
	auto_arena a = ARENA_NONE;
	struct dbus_message m;
	size_t len;
	const unsigned char *bytes = recorded("signal-JobRemoved", &a, &len);

	CHECK(dbus_message_read(bytes, len, &m));
	CHECK_STR(m.sender, "org.freedesktop.systemd1");
	CHECK(dbus_get_u32(&m.body) > 0);
	CHECK(strncmp(dbus_get_string(&m.body), "/org/freedesktop/systemd1/job/", 30) == 0);
	CHECK_STR(dbus_get_string(&m.body), "orlop-web.scope");
	CHECK_STR(dbus_get_string(&m.body), "done");
	CHECK(!m.body.bad && m.body.at == m.body.len);
	CHECK(dbus_get_u32(&m.body) == 0 && m.body.bad, "beyond the end");
	CHECK_STR(dbus_get_string(&m.body), "");
}

/* Every shorter message is refused, and no changed byte leads outside (the sanitizer watches). */
static void damaged_messages_do_no_harm(void)
{
	static const char *const names[] = { "reply-1", "signal-JobRemoved",
					     "signal-PropertiesChanged" };
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff, 'a', '(', 'v' };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_arena a = ARENA_NONE;
		struct dbus_message m;
		size_t len, read = 0;
		const unsigned char *bytes = recorded(names[i], &a, &len);

		for (size_t cut = 0; cut < len; cut++) {
			auto_free unsigned char *exact = malloc(cut + !cut);

			memcpy(exact, bytes, cut);
			CHECK(!dbus_message_read(exact, cut, &m), "%s: %zu", names[i], cut);
		}
		for (size_t at = 0; at < len * ARRAY_LEN(values); at++) {
			auto_free unsigned char *exact = malloc(len);
			const char *type;

			memcpy(exact, bytes, len);
			exact[at / ARRAY_LEN(values)] = values[at % ARRAY_LEN(values)];
			if (!dbus_message_read(exact, len, &m))
				continue;
			read++;
			for (type = m.signature; *type && !m.body.bad;)
				dbus_skip(&m.body, &type);
			CHECK(m.body.at <= m.body.len);
		}
		CHECK(read > 0 && read < len * ARRAY_LEN(values));
	}
}

/* A body by itself: the signature, the bytes, and whether they are one. */
static void values_are_checked(void)
{
	static const struct {
		const char *signature, *bytes;
		size_t len;
		bool good;
	} rows[] = {
		{ "u", "\1\0\0\0", 4, true },
		{ "u", "\1\0\0", 3, false },
		{ "yu", "\1\0\0\0\1\0\0\0", 8, true },
		{ "yu", "\1\0\1\0\1\0\0\0", 8, false },		/* padding that is not zero */
		{ "s", "\1\0\0\0a\0", 6, true },
		{ "s", "\1\0\0\0ab", 6, false },		/* no end */
		{ "s", "\2\0\0\0\0a\0", 7, false },		/* an end inside */
		{ "s", "\377\377\377\377a\0", 6, false },
		{ "g", "\1s\0", 3, true },
		{ "g", "\377s\0", 3, false },
		{ "as", "\0\0\0\0", 4, true },
		{ "as", "\6\0\0\0\1\0\0\0a\0", 10, true },
		{ "as", "\5\0\0\0\1\0\0\0a\0", 10, false },	/* ends inside an element */
		{ "as", "\377\377\377\177\1\0\0\0a\0", 10, false },
		{ "at", "\0\0\0\0\0\0\0\0", 8, true },		/* padded although empty */
		{ "at", "\0\0\0\0", 4, false },
		{ "ay", "\3\0\0\0abc", 7, true },
		{ "ay", "\4\0\0\0abc", 7, false },
		{ "v", "\1u\0\0\1\0\0\0", 8, true },
		{ "v", "\2uu\0\1\0\0\0\1\0\0\0", 12, false },	/* two types */
		{ "v", "\0\0", 2, false },			/* no type */
		{ "v", "\1z\0\0\1\0\0\0", 8, false },
		{ "(us)", "\1\0\0\0\1\0\0\0a\0", 10, true },
		{ "(us", "\1\0\0\0\1\0\0\0a\0", 10, false },
		{ "a()", "\1\0\0\0\0\0\0\0\0", 9, false },	/* elements of nothing */
		{ "a(y", "\0\0\0\0\0\0\0\0", 8, false },
		{ "a", "\0\0\0\0", 4, false },
		{ "aaaaaaaaaaaaaaaaaaaaaaaay", "\0\0\0\0", 4, false },	/* too deep */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_free unsigned char *exact = malloc(rows[i].len + !rows[i].len);
		struct dbus_reader r = { .bytes = exact, .len = rows[i].len };
		const char *type = rows[i].signature;

		memcpy(exact, rows[i].bytes, rows[i].len);
		while (*type && !r.bad)
			dbus_skip(&r, &type);
		CHECK(!r.bad == rows[i].good, "row %zu: \"%s\"", i, rows[i].signature);
		CHECK(!rows[i].good || r.at == r.len, "row %zu", i);
	}
}

static void sizes_are_bounded(void)
{
	unsigned char head[DBUS_HEAD] = { 'l', 2, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0 };

	CHECK(dbus_message_size(head) == 16 + 8 + 4);
	head[0] = 'B';
	CHECK(dbus_message_size(head) == 0);
	head[0] = 'l';
	head[3] = 2;
	CHECK(dbus_message_size(head) == 0);
	head[3] = 1;
	head[7] = 0xff;
	CHECK(dbus_message_size(head) == 0);
	head[7] = 0;
	head[6] = 0x10;		/* 1 MiB and a header */
	CHECK(dbus_message_size(head) == 0);
	head[6] = 0;
	memset(head + 12, 0xff, 4);
	CHECK(dbus_message_size(head) == 0);
}

int main(void)
{
	a_call_is_written_as_recorded();
	recorded_messages_are_read();
	a_job_that_ended_says_how();
	damaged_messages_do_no_harm();
	values_are_checked();
	sizes_are_bounded();
	return check_result();
}
