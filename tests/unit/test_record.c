/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record survives the way through state.json, and nothing else is taken for one: cut at each
 * byte, with each byte damaged, of another version, of another owner, or no file at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "check.h"
#include "orlop/auto.h"
#include "orlop/state.h"
#include "state_dir.h"

static char top[] = "/tmp/orlop-test-record-XXXXXX";
static struct err e;

static char key_a[] = "org.example.a", value_a[] = "1", key_b[] = "b\t", value_b[] = "";

static const struct state_record sample = {
	.version = 1,
	.id = "web", .oci_version = "1.2.0", .bundle = "/b/\"quoted\"\n\xc3\xa4", .rootfs = "/b/rootfs",
	.created = "2026-11-23T01:23:12.44184039Z", .owner = 1000,
	.pid = 4711, .pid_start = 18446744073709551615U,
	.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
	.cgroup = "/user.slice/web", .cgroup_mount = "/sys/fs/cgroup", .cgroup_driver = "cgroupfs",
	.ns_new = 0x2c020000, .ns_joined = 0x40000000,
	.poststart = true, .poststop = false, .seccomp = true,
	.annotations = {
		.items = (struct oci_pair[]){ { key_a, value_a }, { key_b, value_b } },
		.count = 2,
	},
};

static void test_round_trip(int dir)
{
	auto_arena a = ARENA_NONE;
	struct state_record r;

	CHECK(state_load(dir, &a, &r, &e) == STATE_ABSENT);
	CHECK(state_store(dir, &sample, &e) == 0, "%s", e.text);
	CHECK(state_load(dir, &a, &r, &e) == 0, "%s", e.text);
	CHECK_STR(r.id, sample.id);
	CHECK_STR(r.oci_version, sample.oci_version);
	CHECK_STR(r.bundle, sample.bundle);
	CHECK_STR(r.rootfs, sample.rootfs);
	CHECK_STR(r.created, sample.created);
	CHECK_STR(r.boot_id, sample.boot_id);
	CHECK_STR(r.cgroup, sample.cgroup);
	CHECK_STR(r.cgroup_mount, sample.cgroup_mount);
	CHECK_STR(r.cgroup_driver, sample.cgroup_driver);
	CHECK(r.version == 1 && r.owner == 1000 && r.pid == 4711);
	CHECK(r.pid_start == sample.pid_start);
	CHECK(r.ns_new == sample.ns_new && r.ns_joined == sample.ns_joined);
	CHECK(r.poststart && !r.poststop && r.seccomp);
	CHECK(r.annotations.count == 2);
	if (r.annotations.count == 2) {
		CHECK_STR(r.annotations.items[1].key, "b\t");
		CHECK_STR(r.annotations.items[1].value, "");
	}
	struct state_record bare = sample;

	bare.cgroup = bare.cgroup_mount = "";
	bare.annotations.count = 0;
	CHECK(state_store(dir, &bare, &e) == 0, "%s", e.text);
	CHECK(state_load(dir, &a, &r, &e) == 0, "%s", e.text);
	CHECK_STR(r.cgroup, "");
	CHECK(r.annotations.count == 0);
	bare.bundle = "/\xff";
	CHECK(state_store(dir, &bare, &e) < 0 && strstr(e.text, "UTF-8"), "%s", e.text);
}

/* A draft is nobody's record; the last one of a process is what it publishes, once. */
static void test_draft(int dir)
{
	auto_arena a = ARENA_NONE;
	struct state_record r, other = sample;

	CHECK(unlinkat(dir, "state.json", 0) == 0);
	CHECK(state_draft(dir, &sample, &e) == 0, "%s", e.text);
	CHECK(state_load(dir, &a, &r, &e) == STATE_ABSENT);
	other.pid = 4712;
	CHECK(state_draft(dir, &other, &e) == 0, "%s", e.text);
	CHECK(state_load(dir, &a, &r, &e) == STATE_ABSENT);
	CHECK(state_publish(dir, "web", &e) == 0, "%s", e.text);
	CHECK(state_load(dir, &a, &r, &e) == 0 && r.pid == 4712, "%s", e.text);
	CHECK(state_publish(dir, "web", &e) < 0 && e.code == ENOENT, "%s", e.text);
	CHECK(state_load(dir, &a, &r, &e) == 0 && r.pid == 4712, "%s", e.text);
}

static int load_text(int dir, const char *text, size_t len)
{
	auto_arena a = ARENA_NONE;
	struct state_record r;

	if (file_replace(dir, "state.json", text, len) < 0)
		return -2;
	e.text[0] = '\0';
	return state_load(dir, &a, &r, &e);
}

/* Every cut is refused; damage is refused or leaves a record whose numbers are in range. */
static void test_damage(int dir)
{
	auto_arena a = ARENA_NONE;
	auto_arena b = ARENA_NONE;
	struct state_record r;
	size_t len;

	CHECK(state_store(dir, &sample, &e) == 0, "%s", e.text);
	auto_fd int fd = openat(dir, "state.json", O_RDONLY | O_CLOEXEC);
	char *text = fd_read_text(fd, 100000, &a, &len);

	CHECK(text && len > 300);
	for (size_t cut = 0; cut < len; cut++)
		CHECK(load_text(dir, text, cut) == -1 && e.text[0], "cut at %zu", cut);
	for (size_t i = 0; i < len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ 1 << bit);
			if (file_replace(dir, "state.json", text, len) == 0 &&
			    state_load(dir, &b, &r, &e) == 0)
				CHECK(r.pid > 0 && r.version == 1 && state_id_valid(r.id) &&
				      r.bundle[0] == '/' && strlen(r.boot_id) == 36);
			text[i] = (char)(text[i] ^ 1 << bit);
			arena_free(&b);
		}
	CHECK(load_text(dir, text, len) == 0, "%s", e.text);
}

/* The sample's text with one piece replaced. */
static void test_values(int dir)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "\"version\": 1", "\"version\": 2" },
		{ "\"version\": 1", "\"version\": 0" },
		{ "\"pid\": 4711", "\"pid\": 0" },
		{ "\"pid\": 4711", "\"pid\": -1" },
		{ "\"pid\": 4711", "\"pid\": 4294967297" },
		{ "\"pid\": 4711", "\"pid\": \"4711\"" },
		{ "\"pid\": 4711", "\"pid\": 1e3" },
		{ "\"pid\": 4711", "\"pid\": 4711, \"pid\": 1" },
		{ "\"pid\": 4711", "\"dip\": 4711" },
		{ "\"id\": \"web\"", "\"id\": \"../web\"" },
		{ "\"id\": \"web\"", "\"id\": null" },
		{ "/user.slice/web", "user.slice/web" },
		{ "/user.slice/web", "/user.slice/../web" },
		{ "/sys/fs/cgroup", "/sys/fs/.." },
		{ "01234567-89ab", "" },
		{ "\"/b/rootfs\"", "\"b/rootfs\"" },
		{ "true", "1" },
		{ "}\n}", "}\n}x" },
	};
	auto_arena a = ARENA_NONE;
	size_t len;

	CHECK(state_store(dir, &sample, &e) == 0, "%s", e.text);
	auto_fd int fd = openat(dir, "state.json", O_RDONLY | O_CLOEXEC);
	char *text = fd_read_text(fd, 100000, &a, &len);

	for (size_t i = 0; text && i < ARRAY_LEN(rows); i++) {
		const char *at = strstr(text, rows[i].from);

		CHECK(at, "row %zu: \"%s\" is not in %s", i, rows[i].from, text);
		if (!at)
			continue;
		char *changed = arena_printf(&a, "%.*s%s%s", (int)(at - text), text, rows[i].to,
					     at + strlen(rows[i].from));

		CHECK(load_text(dir, changed, strlen(changed)) == -1 && e.kind == ERR_STATE,
		      "row %zu: %s", i, rows[i].to);
	}
	CHECK(load_text(dir, "{}", 2) == -1);
	CHECK(load_text(dir, "[]", 2) == -1);
	CHECK(load_text(dir, "", 0) == -1);
}

/* 0 or the status of state_load on whatever is called state.json now, which is then removed. */
static int load_planted(int dir)
{
	auto_arena a = ARENA_NONE;
	struct state_record r;
	int result = state_load(dir, &a, &r, &e);

	if (unlinkat(dir, "state.json", 0) < 0)
		unlinkat(dir, "state.json", AT_REMOVEDIR);
	return result;
}

static void test_planted(int dir)
{
	int fd;

	CHECK(state_store(dir, &sample, &e) == 0);
	CHECK(renameat(dir, "state.json", dir, "elsewhere") == 0);
	CHECK(symlinkat("elsewhere", dir, "state.json") == 0);
	CHECK(load_planted(dir) == -1 && e.code == ELOOP, "%s", e.text);
	CHECK(symlinkat("nowhere", dir, "state.json") == 0);
	CHECK(load_planted(dir) == -1);
	CHECK(mkfifoat(dir, "state.json", 0600) == 0);
	CHECK(load_planted(dir) == -1 && e.code == EPERM, "%s", e.text);
	CHECK(mkdirat(dir, "state.json", 0700) == 0);
	CHECK(load_planted(dir) == -1);
	CHECK(linkat(dir, "elsewhere", dir, "state.json", 0) == 0 &&
	      fchmodat(dir, "state.json", 0620, 0) == 0);
	CHECK(load_planted(dir) == -1 && e.code == EPERM, "%s", e.text);
	CHECK(fchmodat(dir, "elsewhere", 0600, 0) == 0);
	fd = openat(dir, "state.json", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && ftruncate(fd, 1 << 30) == 0);
	close(fd);
	CHECK(load_planted(dir) == -1 && e.code == EFBIG, "%s", e.text);
	if (geteuid() == 0) {
		CHECK(linkat(dir, "elsewhere", dir, "state.json", 0) == 0 &&
		      fchownat(dir, "state.json", 12345, 12345, 0) == 0);
		CHECK(load_planted(dir) == -1 && e.code == EPERM, "%s", e.text);
		CHECK(mknodat(dir, "state.json", S_IFCHR | 0600, makedev(1, 5)) == 0 ||
		      errno == EPERM);
		CHECK(load_planted(dir) != 0);
	}
}

int main(void)
{
	auto_fd int dir = state_dir_make(top);

	test_round_trip(dir);
	test_draft(dir);
	test_damage(dir);
	test_values(dir);
	test_planted(dir);
	CHECK(state_draft(dir, &sample, &e) == 0, "%s", e.text);
	CHECK(state_condemn(dir, &e) == 0);
	CHECK(state_publish(dir, "web", &e) < 0 && strstr(e.text, "\"web\" was deleted"), "%s",
	      e.text);
	CHECK(state_store(dir, &sample, &e) < 0 && e.kind == ERR_STATE, "%s", e.text);
	state_dir_remove(top);
	return check_result();
}
