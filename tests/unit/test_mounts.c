/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of mounts says what is mounted where, whatever the names in it are; and the time of a
 * record is the kernel's time.
 */
#include "check.h"
#include "guard/code.h"
#include "base/mounts.h"
#include "orlop/auto.h"

static const char table[] =
	"21 1 0:20 / / rw,relatime shared:1 - overlay overlay ro,lowerdir=/l,"
	"upperdir=/a\\040b\\134\\054c\\134\\134d/diff,workdir=/w\n"
	"22 21 0:21 / /proc rw,nosuid - proc proc rw\n"
	"garbage\n"
	"23 21 8:1 /vol\\040one /data ro,relatime master:2 propagate_from:1 - ext4 /dev/sda1 rw\n"
	"24 21 0:22 / /with\\012newline rw - tmpfs tmpfs rw,size=1k\n"
	"25 21 0:23 / / rw - tmpfs tmpfs rw\n"
	"26 21 0:24 / /cut rw - tmpfs\n";

static void test_lines(struct arena *a)
{
	struct mounts m = mounts_read(arena_strdup(a, table), a);

	CHECK(m.count == 5);
	CHECK(strcmp(mounts_find(&m, 23)->root, "/vol one") == 0);
	CHECK(strcmp(mounts_find(&m, 23)->device, "8:1") == 0);
	CHECK(mounts_find(&m, 23)->readonly && !mounts_find(&m, 22)->readonly);
	CHECK(mounts_find(&m, 21)->readonly);		/* the file system is, not the mount */
	CHECK(strcmp(mounts_find(&m, 24)->point, "/with\nnewline") == 0);
	CHECK(strcmp(mounts_at(&m, "/")->type, "tmpfs") == 0);
	CHECK(!mounts_find(&m, 26) && !mounts_find(&m, 99) && !mounts_at(&m, "/cut"));
	CHECK(mounts_read(NULL, a).count == 0);
}

static void test_upper(struct arena *a)
{
	struct mounts m = mounts_read(arena_strdup(a, table), a);
	struct mount other = { .options = "rw,lowerdir=/x,xupperdir=/y" };

	CHECK(strcmp(mounts_upper(mounts_find(&m, 21), a), "/a b,c\\d/diff") == 0);
	CHECK(!mounts_upper(mounts_find(&m, 22), a) && !mounts_upper(&other, a));
}

static void check_lowers(struct arena *a, const char *options, const char *want)
{
	struct mount m = { .options = options };
	struct str_list lowers;
	const char *found = "";

	mounts_lowers(&m, a, &lowers);
	for (size_t i = 0; i < lowers.count; i++)
		found = arena_printf(a, "%s%s|", found, lowers.items[i]);
	CHECK(strcmp(found, want) == 0);
}

static void test_lowers(struct arena *a)
{
	check_lowers(a, "rw,lowerdir=/l,upperdir=/u", "/l|");
	check_lowers(a, "rw,lowerdir=/a:l/B:/c\\040d,upperdir=/u", "/a|l/B|/c d|");
	check_lowers(a, "rw,lowerdir=/a\\134:b:/c\\134\\134d\\054e", "/a:b|/c\\d,e|");
	check_lowers(a, "rw,lowerdir=/a:/b::/data", "/a|/b|");
	check_lowers(a, "rw,lowerdir+=/a:b,lowerdir+=/c,datadir+=/d,upperdir=/u", "/a:b|/c|");
	check_lowers(a, "rw,xlowerdir=/a", "");
	check_lowers(a, "lowerdir=", "");
}

static void test_types(void)
{
	CHECK(mounts_is_local("overlay") && mounts_is_local("tmpfs"));
	CHECK(!mounts_is_local("fuse.sshfs") && !mounts_is_local("nfs4"));
}

static void test_time(void)
{
	CHECK(code_time("1970-01-01T00:00:00Z") == 0);
	CHECK(code_time("1970-01-01T00:00:01.5Z") == UINT64_C(1500000000));
	CHECK(code_time("2026-11-23T08:11:13.335934042Z") == UINT64_C(1795421473335934042));
	CHECK(code_time("2024-02-29T23:59:59Z") == UINT64_C(1709251199000000000));
	CHECK(code_time("2000-03-01T00:00:00Z") == UINT64_C(951868800000000000));
	CHECK(code_time("") == 0 && code_time("yesterday") == 0);
	CHECK(code_time("2026-11-23T08:11:13+01:00") == 0 && code_time("2026-13-23T08:11:13Z") == 0);
}

int main(void)
{
	auto_arena a = ARENA_NONE;

	test_lines(&a);
	test_upper(&a);
	test_lowers(&a);
	test_types();
	test_time();
	return check_result();
}
