/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resctrl groups on a directory that behaves like its root: mkdir fills a new group with the files
 * that the kernel would put there (mkdirat is wrapped at link time).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "engine/resctrl.h"
#include "orlop/auto.h"

#define LINE(text) ((char[]){ text })

static const char usual[] = "    MB:0=100;1=100\n    L3:0=fffff;1=fffff";

int __real_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);

static void fill(int root, const char *group)
{
	auto_fd int fd = openat(root, group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(file_create(fd, "schemata", usual, strlen(usual)) == 0);
	CHECK(file_create(fd, "tasks", "", 0) == 0);
	CHECK(__real_mkdirat(fd, "mon_groups", 0755) == 0);
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
	if (__real_mkdirat(dir, path, mode) < 0)
		return -1;
	fill(dir, path);
	return 0;
}

static const char *text_of(int root, const char *path)
{
	static char text[4096];

	return file_read(root, path, text, sizeof(text)) < 0 ? "" : text;
}

static int make_root(void)
{
	char path[] = "/tmp/orlop-resctrl-XXXXXX";
	int fd;

	CHECK(mkdtemp(path) != NULL);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0);
	fill(fd, ".");
	return fd;
}

/* rmdir of a real group takes its files along. */
static void empty(int root, const char *group)
{
	auto_fd int fd = openat(root, group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	unlinkat(fd, "schemata", 0);
	unlinkat(fd, "tasks", 0);
	unlinkat(fd, "mon_groups", AT_REMOVEDIR);
}

static struct plan_rdt plan_of(const char *closid, char **lines, size_t count, bool monitor,
			       struct arena *a)
{
	struct oci_intel_rdt rdt = { .set = true, .clos_id = (char *)(uintptr_t)closid,
				     .schemata = { lines, count }, .enable_monitoring = monitor };
	struct plan_rdt plan;

	plan_rdt_of(&rdt, "box", a, &plan);
	return plan;
}

static void test_own(int root, struct arena *a)
{
	char *lines[] = { LINE("L3:0=f"), LINE("MB:0=50") };
	struct plan_rdt plan = plan_of(NULL, lines, 2, false, a);
	struct err e;

	CHECK(resctrl_is_new(root, &plan, &e) == 1);
	CHECK(resctrl_prepare(root, &plan, true, &e) == 0);
	/* Each line is a write of its own; of a plain file the start is left by the last one. */
	CHECK(strncmp(text_of(root, "box/schemata"), "MB:0=50\n", 8) == 0);
	CHECK(resctrl_join(root, &plan, 77, &e) == 0);
	CHECK(strcmp(text_of(root, "box/tasks"), "77") == 0);
	CHECK(resctrl_is_new(root, &plan, &e) == -1);	/* somebody's already */
	CHECK(strstr(e.text, "is there already") != NULL);
	empty(root, "box");
	CHECK(resctrl_remove(root, "/box", false, &e) == 0);
	CHECK(faccessat(root, "box", F_OK, 0) < 0);
	CHECK(resctrl_remove(root, "/box", false, &e) == 0);
	CHECK(resctrl_remove(root, "", false, &e) == 0);
}

static void test_without_schema(int root, struct arena *a)
{
	struct plan_rdt plan = plan_of("gold", NULL, 0, false, a);
	struct plan_rdt own = plan_of(NULL, NULL, 0, false, a);
	struct err e;

	CHECK(resctrl_is_new(root, &plan, &e) == -1);
	CHECK(strstr(e.text, "there is no group /gold") != NULL);
	CHECK(resctrl_is_new(root, &own, &e) == 1);
	CHECK(resctrl_prepare(root, &own, true, &e) == 0);
	CHECK(strcmp(text_of(root, "box/schemata"), usual) == 0);	/* nothing was written */
	empty(root, "box");
	CHECK(resctrl_remove(root, "/box", false, &e) == 0);
}

static void test_shared(int root, struct arena *a)
{
	char *same[] = { LINE(" L3 :0=1"), LINE("L3:1=0fffff;0=fffff"), LINE("MB:1=100") };
	char *other[] = { LINE("L3:0=ff") };
	struct plan_rdt plan = plan_of("gold", same + 1, 2, false, a);
	struct plan_rdt differs = plan_of("gold", other, 1, false, a);
	struct plan_rdt blank = plan_of("gold", same, 1, false, a);
	struct err e;

	CHECK(__wrap_mkdirat(root, "gold", 0755) == 0);
	CHECK(resctrl_is_new(root, &plan, &e) == 0);
	CHECK(resctrl_prepare(root, &plan, false, &e) == 0);
	CHECK(resctrl_prepare(root, &differs, false, &e) == -1);
	CHECK(strstr(e.text, "\"L3:0=ff\" is not in its schemata") != NULL);
	CHECK(resctrl_prepare(root, &blank, false, &e) == -1);
	CHECK(strcmp(text_of(root, "gold/schemata"), usual) == 0);
	/* With a process in it the group stays. */
	CHECK(resctrl_join(root, &plan, 78, &e) == 0);
	CHECK(resctrl_remove(root, "/gold", true, &e) == 0);
	CHECK(faccessat(root, "gold", F_OK, 0) == 0);
	empty(root, "gold");
	CHECK(resctrl_remove(root, "/gold", false, &e) == 0);
}

/* A class that is named, has a schema and is not there: made, and kept while 80 is in it. */
static void test_class_is_made(int root, struct arena *a)
{
	char *lines[] = { LINE("L3:0=3") };
	struct plan_rdt plan = plan_of("silver", lines, 1, false, a);
	struct err e;

	CHECK(plan.may_make && !plan.own);
	CHECK(resctrl_is_new(root, &plan, &e) == 1);
	CHECK(resctrl_prepare(root, &plan, true, &e) == 0, "%s", e.text);
	CHECK(strncmp(text_of(root, "silver/schemata"), "L3:0=3\n", 7) == 0);
	CHECK(resctrl_join(root, &plan, 80, &e) == 0);
	CHECK(resctrl_remove(root, "/silver", true, &e) == 0);
	CHECK(faccessat(root, "silver", F_OK, 0) == 0);		/* 80 is in it */
	empty(root, "silver");
	CHECK(resctrl_remove(root, "/silver", false, &e) == 0);
	CHECK(faccessat(root, "silver", F_OK, 0) < 0);
}

static void test_root_and_monitor(int root, struct arena *a)
{
	char *same[] = { LINE("L3:0=fffff") };
	struct plan_rdt plan = plan_of("/", same, 1, true, a);
	struct plan_rdt inner = plan_of("gold", same, 1, true, a);
	struct err e;

	CHECK(strcmp(plan.monitor, "/mon_groups/box") == 0);
	CHECK(strcmp(inner.monitor, "/gold/mon_groups/box") == 0);
	CHECK(!plan.may_make);
	CHECK(resctrl_is_new(root, &plan, &e) == 0);
	CHECK(resctrl_prepare(root, &plan, false, &e) == 0);
	CHECK(resctrl_join(root, &plan, 79, &e) == 0);
	CHECK(strcmp(text_of(root, "tasks"), "79") == 0);
	CHECK(strcmp(text_of(root, "mon_groups/box/tasks"), "79") == 0);
	CHECK(resctrl_prepare(root, &plan, false, &e) == -1);	/* of that name there is one */
	CHECK(e.code == EEXIST);
	empty(root, "mon_groups/box");
	CHECK(resctrl_remove(root, plan.monitor, false, &e) == 0);
}

int main(void)
{
	auto_arena a = ARENA_NONE;
	int root = make_root();
	char path[64];
	char where[256];
	ssize_t n;

	test_own(root, &a);
	test_without_schema(root, &a);
	test_shared(root, &a);
	test_class_is_made(root, &a);
	test_root_and_monitor(root, &a);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", root);
	n = readlink(path, where, sizeof(where) - 1);
	CHECK(n > 0);
	where[n] = '\0';
	empty(root, ".");
	rmdir(where);
	close(root);
	return check_result();
}
