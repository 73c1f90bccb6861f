/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory on a temporary directory: ids, the claim, the lock, the cgroup file, what
 * may be planted there, and removal.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "check.h"
#include "orlop/auto.h"
#include "orlop/state.h"

static char top[] = "/tmp/orlop-test-store-XXXXXX";
static struct err e;

static void test_ids(void)
{
	static const struct {
		const char *id;
		bool valid;
	} rows[] = {
		{ "a", true }, { "web-1_2+3.4", true }, { "+", true }, { "-", true }, { "_", true },
		{ "", false }, { ".", false }, { "..", false }, { ".hidden", false },
		{ "a/b", false }, { "/", false }, { "a b", false }, { "a\n", false },
		{ "\xc3\xa4", false }, { "a\0b", true }, { "a:b", false }, { "a..b", true },
	};
	char longest[1026];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(state_id_valid(rows[i].id) == rows[i].valid, "id \"%s\"", rows[i].id);
	memset(longest, 'x', sizeof(longest));
	longest[1025] = '\0';
	CHECK(!state_id_valid(longest));
	longest[1024] = '\0';
	CHECK(state_id_valid(longest));
}

static int open_root(const char *name, bool make)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return state_open_root(path, make, &e);
}

static void test_root(void)
{
	auto_fd int absent = open_root("absent", false);
	struct stat st;

	CHECK(absent < 0 && e.code == ENOENT, "%s", e.text);
	auto_fd int made = open_root("a/b/c", true);
	CHECK(made >= 0 && fstat(made, &st) == 0 && (st.st_mode & 07777) == 0700, "%s", e.text);
	CHECK(fchmod(made, 0770) == 0);
	auto_fd int shared = open_root("a/b/c", false);
	CHECK(shared < 0 && e.kind == ERR_POLICY && strstr(e.text, "not private"), "%s", e.text);
	CHECK(fchmod(made, 0777) == 0);
	auto_fd int open_to_all = open_root("a/b/c", true);
	CHECK(open_to_all < 0);
	if (geteuid() == 0) {
		CHECK(fchmod(made, 0700) == 0 && fchown(made, 12345, 0) == 0);
		auto_fd int foreign = open_root("a/b/c", true);
		CHECK(foreign < 0 && e.kind == ERR_POLICY, "%s", e.text);
	}
	auto_fd int file = openat(made, "../file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	auto_fd int not_dir = open_root("a/b/file", true);
	CHECK(not_dir < 0 && e.code == ENOTDIR, "%s", e.text);
}

/* Runs in another process, since a lock does not keep its own holder out. */
static int lock_elsewhere(int root, const char *id, int timeout_ms)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int dir = -1;

		if (state_open(root, id, &dir, &e) != 0)
			_exit(50);
		_exit(state_lock(dir, timeout_ms, &e) & 0x7f);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_claim_and_lock(int root)
{
	auto_fd int dir = -1;
	auto_fd int again = -1;
	struct stat st;
	int64_t begin;

	CHECK(state_open(root, "one", &dir, &e) == STATE_ABSENT);
	CHECK(state_claim(root, "one", &dir, &e) == 0, "%s", e.text);
	CHECK(fstatat(root, "one", &st, 0) == 0 && S_ISDIR(st.st_mode) && !(st.st_mode & 0066));
	CHECK(state_claim(root, "one", &again, &e) == STATE_EXISTS);
	CHECK(again == -1);
	CHECK(lock_elsewhere(root, "one", 0) == STATE_BUSY);
	begin = fd_now_ms();
	CHECK(lock_elsewhere(root, "one", 150) == STATE_BUSY);
	CHECK(fd_now_ms() - begin >= 120 && fd_now_ms() - begin < 3000);
	state_unlock(dir);
	CHECK(lock_elsewhere(root, "one", 0) == 0);
	CHECK(!state_condemned(dir));
	CHECK(state_condemn(dir, &e) == 0, "%s", e.text);
	CHECK(state_condemned(dir));
	CHECK(state_remove(root, dir, "one", &e) == 0, "%s", e.text);
	CHECK(state_condemned(dir));
	CHECK(state_lock(dir, 0, &e) == STATE_ABSENT);
	CHECK(state_remove(root, dir, "one", &e) == 0, "%s", e.text);
	CHECK(state_remove(root, -1, "one", &e) == 0, "%s", e.text);
}

/* A directory that has its name back in other hands is not the one that is removed. */
static void test_remove_is_about_this_directory(int root)
{
	auto_fd int old = -1;
	auto_fd int new = -1;
	struct stat st;

	CHECK(state_claim(root, "two", &old, &e) == 0, "%s", e.text);
	CHECK(renameat(root, "two", root, ".away") == 0);
	CHECK(state_claim(root, "two", &new, &e) == 0, "%s", e.text);
	CHECK(file_replace(new, "state.json", "new", 3) == 0);
	CHECK(file_replace(old, "state.json", "old", 3) == 0);
	CHECK(state_remove(root, old, "two", &e) == 0, "%s", e.text);
	CHECK(fstatat(new, "state.json", &st, 0) == 0);
	CHECK(fstatat(old, "state.json", &st, 0) < 0);
	CHECK(state_remove(root, new, "two", &e) == 0, "%s", e.text);
	CHECK(fstatat(root, "two", &st, 0) < 0 && errno == ENOENT);
	CHECK(unlinkat(root, ".away", AT_REMOVEDIR) == 0);
}

static void test_cgroup_file(int root)
{
	static const char *const broken[] = {
		"\n", "/a", "/a\n/m\n", "/a\n/m\none\n", "a\n/m\none\nx\n",
		"/../a\n/m\none\nx\n", "/a\n/m/..\none\nx\n", "/a\n/m\none\nx\nmore\n",
		"/a\n/m\none\nx", "/\n/m\none\nx\n", "/a//b\n/m\none\nx\n",
		"/a/\n/m\none\nx\n", "/a/.\n/m\none\nx\n", "/a/u\n/m\none\nx\nv\n",
		"/a/u\n/m\none\nx\n\n", "/a/u\n/m\none\nx\nu", "/a/u\n/m\none\nx\nu\nu\n",
	};
	const char *mount = NULL, *path = NULL, *unit = "";
	auto_arena a = ARENA_NONE;
	auto_fd int dir = -1;

	CHECK(state_claim(root, "cg", &dir, &e) == 0, "%s", e.text);
	CHECK(state_read_cgroup(dir, "cg", &a, &mount, &path, &unit, &e) == STATE_ABSENT);
	CHECK(file_replace(dir, "cgroup", "", 0) == 0);		/* somebody is about to write it */
	CHECK(state_read_cgroup(dir, "cg", &a, &mount, &path, &unit, &e) == STATE_ABSENT);
	CHECK(state_write_cgroup(dir, "cg", "/sys/fs/cgroup", "/x/cg", NULL, &e) == 0, "%s", e.text);
	CHECK(state_read_cgroup(dir, "cg", &a, &mount, &path, &unit, &e) == 0, "%s", e.text);
	CHECK_STR(mount, "/sys/fs/cgroup");
	CHECK_STR(path, "/x/cg");
	CHECK_STR(unit, NULL);
	CHECK(state_write_cgroup(dir, "cg", "/m", "/x/u.scope", "u.scope", &e) == 0, "%s", e.text);
	CHECK(state_read_cgroup(dir, "cg", &a, &mount, &path, &unit, &e) == 0, "%s", e.text);
	CHECK_STR(path, "/x/u.scope");
	CHECK_STR(unit, "u.scope");
	/* A copy of the directory under another name does not own the cgroup. */
	CHECK(state_read_cgroup(dir, "copy", &a, &mount, &path, &unit, &e) == STATE_ABSENT);
	CHECK(state_write_cgroup(dir, "cg", "", "", NULL, &e) == 0, "%s", e.text);
	CHECK(state_read_cgroup(dir, "cg", &a, &mount, &path, &unit, &e) == 0, "%s", e.text);
	CHECK_STR(path, "");
	CHECK(state_write_cgroup(dir, "cg", "/m", "/a\nb", NULL, &e) < 0);
	/* From before a reboot. */
	static const char stale[] = "/a\n/m\ncg\n00000000-0000-0000-0000-000000000000\n";
	CHECK(file_replace(dir, "cgroup", stale, sizeof(stale) - 1) == 0);
	CHECK(state_read_cgroup(dir, "cg", &a, &mount, &path, &unit, &e) == STATE_ABSENT);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		CHECK(file_replace(dir, "cgroup", broken[i], strlen(broken[i])) == 0);
		CHECK(state_read_cgroup(dir, "one", &a, &mount, &path, &unit, &e) == -1, "row %zu", i);
	}
	CHECK(state_condemn(dir, &e) == 0);
	CHECK(state_write_cgroup(dir, "cg", "/m", "/a", NULL, &e) < 0 && e.kind == ERR_STATE);
	CHECK(state_remove(root, dir, "cg", &e) == 0, "%s", e.text);
	CHECK(state_write_cgroup(dir, "cg", "/m", "/a", NULL, &e) < 0 && e.kind == ERR_STATE, "%s",
	      e.text);
}

/* Whatever is planted under the name of a container or of its files: refused, then removed. */
static void test_planted(int root)
{
	auto_arena a = ARENA_NONE;
	const char *m, *p, *unit;
	struct stat st;
	int dir = -1;

	CHECK(symlinkat("/etc", root, "link") == 0);
	CHECK(state_open(root, "link", &dir, &e) == -1 && dir == -1);
	CHECK(state_claim(root, "link", &dir, &e) == STATE_EXISTS);
	CHECK(state_remove(root, -1, "link", &e) == 0, "%s", e.text);
	CHECK(fstatat(root, "link", &st, AT_SYMLINK_NOFOLLOW) < 0 && stat("/etc/passwd", &st) == 0);
	CHECK(mkfifoat(root, "fifo", 0600) == 0);
	CHECK(state_open(root, "fifo", &dir, &e) == -1);
	CHECK(state_remove(root, -1, "fifo", &e) == 0, "%s", e.text);

	CHECK(state_claim(root, "full", &dir, &e) == 0, "%s", e.text);
	CHECK(mkdirat(dir, "state.json", 0700) == 0 && mkdirat(dir, "state.json/x", 0700) == 0);
	CHECK(mkfifoat(dir, "cgroup", 0600) == 0);
	CHECK(symlinkat("/", dir, "up") == 0);
	CHECK(state_read_cgroup(dir, "full", &a, &m, &p, &unit, &e) == -1);
	CHECK(unlinkat(dir, "cgroup", 0) == 0 && symlinkat("/etc/passwd", dir, "cgroup") == 0);
	CHECK(state_read_cgroup(dir, "full", &a, &m, &p, &unit, &e) == -1 && e.code == ELOOP, "%s", e.text);
	for (int i = 0; i < 500; i++) {
		char name[32];

		snprintf(name, sizeof(name), "state.json/x/%d", i);
		close(openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	}
	CHECK(state_remove(root, dir, "full", &e) == 0, "%s", e.text);
	CHECK(fstatat(root, "full", &st, 0) < 0);
	close(dir);
}

static void test_list(int root)
{
	static const char *const made[] = { "zeta", "alpha", ".cache", "mid-1" };
	auto_arena a = ARENA_NONE;
	struct str_list list;

	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		CHECK(mkdirat(root, made[i], 0711) == 0);
	close(openat(root, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK(state_list(root, &a, &list, &e) == 0, "%s", e.text);
	CHECK(list.count == 3, "%zu", list.count);
	if (list.count == 3) {
		CHECK_STR(list.items[0], "alpha");
		CHECK_STR(list.items[1], "mid-1");
		CHECK_STR(list.items[2], "zeta");
	}
}

/* Removal, condemning and reading work where not one byte or file can be added. */
static void test_full_disk(void)
{
	char path[256];
	auto_fd int root = -1;
	auto_fd int dir = -1;
	auto_fd int filler = -1;

	snprintf(path, sizeof(path), "%s/full-disk", top);
	if (mkdir(path, 0700) < 0 ||
	    mount("tmpfs", path, "tmpfs", 0, "size=64k,nr_inodes=5,mode=0700") < 0) {
		fprintf(stderr, "skipped: full disk: mount: %s\n", strerror(errno));
		return;
	}
	root = state_open_root(path, true, &e);
	CHECK(root >= 0 && state_claim(root, "id", &dir, &e) == 0, "%s", e.text);
	CHECK(state_write_cgroup(dir, "id", "/m", "/a", NULL, &e) == 0, "%s", e.text);
	filler = openat(root, ".filler", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(filler >= 0);
	while (write(filler, path, sizeof(path)) > 0)
		;
	CHECK(errno == ENOSPC);
	CHECK(mkdirat(root, ".last", 0700) == 0);
	CHECK(mkdirat(root, "more", 0700) < 0 && errno == ENOSPC);
	CHECK(state_write_cgroup(dir, "id", "/m", "/a", NULL, &e) < 0 && e.code == ENOSPC, "%s", e.text);
	CHECK(state_condemn(dir, &e) == 0, "%s", e.text);
	CHECK(state_remove(root, dir, "id", &e) == 0, "%s", e.text);
	auto_close_fd(&dir);
	auto_close_fd(&filler);
	auto_close_fd(&root);
	CHECK(umount2(path, 0) == 0, "%s", strerror(errno));
}

int main(void)
{
	char command[64];

	if (!mkdtemp(top))
		return 99;
	umask(022);
	test_ids();
	test_root();
	auto_fd int root = open_root("root", true);
	CHECK(root >= 0, "%s", e.text);
	test_claim_and_lock(root);
	test_remove_is_about_this_directory(root);
	test_cgroup_file(root);
	test_planted(root);
	test_list(root);
	test_full_disk();
	snprintf(command, sizeof(command), "rm -rf %s", top);
	CHECK(system(command) == 0);
	return check_result();
}
