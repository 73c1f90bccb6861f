/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said to criu, what it says, and what its log says: bytes in the layout of rpc.proto, and
 * bytes that nobody sends who means well.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "engine/criu_message.h"
#include "engine/criu_wire.h"
#include "orlop/auto.h"

static bool reads(const char *bytes, size_t len, struct arena *a, struct criu_answer *ret)
{
	/* Without a byte to spare, so that a sanitizer sees the end. */
	unsigned char *copy = malloc(len ? len : 1);
	bool read;

	memcpy(copy, bytes, len);
	read = criu_message_read((struct wire){ copy, copy + len }, a, ret);
	free(copy);
	return read;
}

#define READS(literal, a, ret) reads(literal, sizeof(literal) - 1, a, ret)

static void numbers_have_as_many_bytes_as_they_need(void)
{
	static const struct {
		int64_t value;
		const char *bytes;
		size_t len;
	} rows[] = {
		{ 0, "\x08\x00", 2 }, { 127, "\x08\x7f", 2 }, { 128, "\x08\x80\x01", 3 },
		{ 0x40000000, "\x08\x80\x80\x80\x80\x04", 6 },
		{ -1, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
	};

	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		auto_arena a = ARENA_NONE;
		struct text t = TEXT_IN(&a);
		struct wire_field f;
		struct wire w;

		wire_number(&t, 1, rows[n].value);
		CHECK(t.len == rows[n].len && !memcmp(t.bytes, rows[n].bytes, t.len), "row %zu", n);
		w = (struct wire){ (unsigned char *)t.bytes, (unsigned char *)t.bytes + t.len };
		CHECK(wire_next(&w, &f) == WIRE_FIELD && f.number == 1 && !f.bytes &&
		      f.value == (uint64_t)rows[n].value, "row %zu", n);
		CHECK(wire_next(&w, &f) == 0, "row %zu", n);
	}
}

static void answers_are_read(void)
{
	auto_arena a = ARENA_NONE;
	struct criu_answer r;

	CHECK(READS("\x08\x06\x10\x01\x2a\x10\x0a\x0bpost-resume\x10\x07", &a, &r) == false,
	      "a length that cuts a field in two");
	CHECK(READS("\x08\x06\x10\x01\x2a\x0c\x0a\x08pre-dump\x10\x07", &a, &r) && r.type == 6 &&
	      r.success && r.pid == 7, "notify");
	CHECK_STR(r.script, "pre-dump");
	CHECK(READS("\x08\x0a\x10\x01\x52\x06\x08\x04\x10\x02\x20\x01", &a, &r) &&
	      r.version == 40201, "version %llu", (unsigned long long)r.version);
	CHECK(READS("\x08\x01\x10\x00\x38\x16\x4a\x03why", &a, &r) && !r.success, "refusal");
	CHECK_STR(r.message, "why");
	CHECK(READS("\x08\x02\x10\x01\x22\x03\x08\xd8\x04", &a, &r) && r.type == CRIU_RESTORE &&
	      r.success, "what a later version may add is passed over");
}

static void nonsense_is_refused(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
#define ROW(literal) { literal, sizeof(literal) - 1 }
		ROW("\x08"), ROW("\x08\x80"), ROW("\x00\x01"), ROW("\x0b"), ROW("\x0c"),
		ROW("\x4a\x05why"), ROW("\x4a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01why"),
		ROW("\x2a\x02\x0a\x05"), ROW("\x2a\x01\x0f"), ROW("\x52\x01\x08"),
		ROW("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
		ROW("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		ROW("\xfd\xff\xff\xff\xff\xff\x01"), ROW("\x09\x01\x02"),
#undef ROW
	};

	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		auto_arena a = ARENA_NONE;
		struct criu_answer r;

		CHECK(!reads(rows[n].bytes, rows[n].len, &a, &r), "row %zu", n);
	}
}

/* Counts the fields of a number, and gives the value of the last number there. */
static unsigned find(const struct text *t, unsigned number, uint64_t *value)
{
	struct wire w = { (unsigned char *)t->bytes, (unsigned char *)t->bytes + t->len };
	struct wire_field f;
	unsigned count = 0;

	while (wire_next(&w, &f) == WIRE_FIELD)
		if (f.number == number) {
			count++;
			*value = f.bytes ? f.len : f.value;
		}
	return count;
}

static void a_request_says_what_was_asked_for(void)
{
	char key[] = "/data", name[] = "data";
	struct oci_pair pair = { key, name };
	struct criu_inherit inherit[] = { { "pipe:[1]", 2 }, { "key", 77 }, { "other", 78 } };
	struct criu_request r = {
		.what = CRIU_RESTORE, .images = 5, .work = 6, .root = "/r", .log_file = "l",
		.cgroup_path = "/c", .cgroups = CRIU_CGROUPS_IGNORE, .empty_ns = CLONE_NEWNET,
		.lsm_mount_context = "m", .tcp_close = true, .mounts = { &pair, 1 }, .inherit = { inherit, 3 },
	};
	auto_arena a = ARENA_NONE;
	struct text t = criu_message_options(&r, &a);
	static const struct {
		unsigned number, count;
		uint64_t value;
	} rows[] = {
		{ 1, 1, 5 }, { 2, 0 }, { 3, 0 }, { 9, 1, 4 }, { 10, 1, 1 }, { 12, 1, 1 },
		{ 13, 1, 2 }, { 15, 0 }, { 17, 1, 6 }, { 23, 1, 13 }, { 25, 1, 6 },
		{ 26, 1, 1 }, { 27, 3, 9 },
		{ 34, 1, 0 }, { 38, 1, CLONE_NEWNET }, { 50, 1, 1 }, { 52, 1, 1 }, { 63, 1, 1 },
		{ 64, 0 },
	};

	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		uint64_t value = 0;

		CHECK(find(&t, rows[n].number, &value) == rows[n].count &&
		      value == rows[n].value, "field %u: %llu", rows[n].number,
		      (unsigned long long)value);
	}
	/* They are 4 to 6 in criu, whatever they are here. */
	CHECK(memmem(t.bytes, t.len, "pipe:[1]\x10\x04", 10), "a standard stream");
	CHECK(memmem(t.bytes, t.len, "key\x10\x05", 5) && memmem(t.bytes, t.len, "other\x10\x06", 7),
	      "other descriptors");
}

static void the_cause_is_found_in_a_log(void)
{
	static const struct {
		const char *log, *cause;
	} rows[] = {
		{ "", NULL }, { "(00.1) all is well\n", NULL },
		{ "(00.1) Error (criu/a.c:1): mnt: no such mount\n"
		  "(00.2) Error (criu/b.c:2): Dumping FAILED.\n", "mnt: no such mount" },
		{ "(00.1) Error (criu/util.c:6): exited, status=1\n(00.1) x\n"
		  "(00.2) Error (criu/b.c:2): net: cannot\n"
		  "(00.3) Error (criu/b.c:3): later\n", "net: cannot" },
		{ "(00.1) Error (criu/util.c:1): rlimit: Can't setup RLIMIT_NOFILE for self: Operation "
		  "not permitted\n(00.2) Error (criu/b.c:2): net: cannot\n", "net: cannot" },
		{ "(00.2) Error (criu/b.c:2): Dumping FAILED.", "Dumping FAILED." },
		{ "(00.2) a file with the name Error (x): y of a program, a long way in the line\n", NULL },
	};
	char dir[] = "/tmp/orlop-test-XXXXXX";
	auto_fd int fd = -1;
	int at;

	CHECK(mkdtemp(dir), "%s", dir);
	at = open(dir, O_RDONLY | O_DIRECTORY);
	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		auto_arena a = ARENA_NONE;

		fd = openat(at, "log", O_CREAT | O_WRONLY | O_TRUNC, 0600);
		CHECK(write(fd, rows[n].log, strlen(rows[n].log)) >= 0, "row %zu", n);
		auto_close_fd(&fd);
		CHECK_STR(criu_log_cause(at, "log", &a), rows[n].cause);
		CHECK_STR(criu_log_cause(at, "none", &a), NULL);
	}
	unlinkat(at, "log", 0);
	close(at);
	rmdir(dir);
}

int main(void)
{
	numbers_have_as_many_bytes_as_they_need();
	answers_are_read();
	nonsense_is_refused();
	a_request_says_what_was_asked_for();
	the_cause_is_found_in_a_log();
	return check_result();
}
