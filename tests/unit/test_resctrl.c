/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resctrl groups on a directory that behaves like its root, with functions wrapped at link time:
 * mkdir fills a new group with the files that the kernel would put there, rmdir takes them along, a
 * line written to schemata replaces that of its resource and may be refused, tasks are added.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "engine/cgroup.h"
#include "engine/resctrl.h"
#include "life/update_rdt.h"
#include "orlop/auto.h"

/* state_identify as a creator calls it, who has a pidfd. */
static int identify(pid_t pid, struct arena *in, struct state_record *record, struct err *error)
{
	auto_fd int pidfd = pidfd_open(pid, 0);

	return pidfd < 0 ? -1 : state_identify(pid, pidfd, in, record, error);
}

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

static int fake_root;

/* Directories elsewhere stay as they are made. */
int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
	struct stat here, resctrl;

	if (__real_mkdirat(dir, path, mode) < 0)
		return -1;
	CHECK(fstat(dir, &here) == 0 && fstat(fake_root, &resctrl) == 0);
	if (here.st_ino == resctrl.st_ino && here.st_dev == resctrl.st_dev)
		fill(dir, path);
	return 0;
}

int __real_unlinkat(int dir, const char *path, int flags);
int __wrap_unlinkat(int dir, const char *path, int flags);
int __real_file_write(int dir, const char *name, const char *text);
int __wrap_file_write(int dir, const char *name, const char *text);
int __wrap_resctrl_open(struct err *e);

static const char *refused_line;	/* the kernel's part: EINVAL for this one */
static void (*at_task)(void);		/* what happens while a task is moved */
int __wrap_resctrl_open(struct err *e)
{
	(void)e;
	return fcntl(fake_root, F_DUPFD_CLOEXEC, 3);
}

/* rmdir of a real group takes its files along. */
static void empty(int root, const char *group)
{
	auto_fd int fd = openat(root, group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	__real_unlinkat(fd, "schemata", 0);
	__real_unlinkat(fd, "tasks", 0);
	__real_unlinkat(fd, "mon_groups", AT_REMOVEDIR);
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
	if (flags == AT_REMOVEDIR)
		empty(dir, path);
	return __real_unlinkat(dir, path, flags);
}

static int write_line(int dir, const char *text)
{
	char have[4096], out[8192] = "";
	size_t len = strcspn(text, ":") + 1;

	text += strspn(text, " ");
	len = strcspn(text, ":") + 1;
	if (refused_line && strncmp(text, refused_line, strlen(refused_line)) == 0) {
		errno = EINVAL;
		return -1;
	}
	CHECK(file_read(dir, "schemata", have, sizeof(have)) >= 0);
	for (char *line = strtok(have, "\n"); line; line = strtok(NULL, "\n")) {
		const char *bare = line + strspn(line, " ");
		bool same = strncmp(bare, text, len) == 0;

		snprintf(out + strlen(out), sizeof(out) - strlen(out), "    %.*s\n",
			 (int)strcspn(same ? text : bare, "\n"), same ? text : bare);
	}
	return file_replace(dir, "schemata", out, strlen(out));
}

int __wrap_file_write(int dir, const char *name, const char *text)
{
	char have[4096], more[32];

	if (strcmp(name, "schemata") == 0)
		return write_line(dir, text);
	if (strcmp(name, "tasks") != 0)
		return __real_file_write(dir, name, text);
	if (at_task)
		at_task();
	CHECK(file_read(dir, "tasks", have, sizeof(have)) >= 0);
	snprintf(more, sizeof(more), "%s%s", *have ? "\n" : "", text);
	strcat(have, more);
	return file_replace(dir, "tasks", have, strlen(have));
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
	CHECK(strcmp(text_of(root, "box/schemata"), "    MB:0=50\n    L3:0=f") == 0);
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
	CHECK(strstr(text_of(root, "silver/schemata"), "    L3:0=3") != NULL);
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

static const char schemata_before[] = "    MB:0=100;1=100\n    L3:0=fffff;1=fffff";

/* Only what is said changes, and a refusal takes back what was written before it. */
static void test_change(int root, struct arena *a)
{
	char *lines[] = { LINE("L3:0=f;1=f"), LINE("MB:0=50;1=50") };
	struct plan_rdt both = plan_of("gold", lines, 2, false, a);
	struct plan_rdt one = plan_of("gold", lines + 1, 1, false, a);
	const char *old = NULL;
	struct err e;

	CHECK(resctrl_change(root, &both, a, &old, &e) == -1);	/* no such group */
	CHECK(__wrap_mkdirat(root, "gold", 0755) == 0);
	refused_line = "MB:0=50";
	CHECK(resctrl_change(root, &both, a, &old, &e) == -1);
	CHECK(strstr(e.text, "write schema \"MB:0=50;1=50\"") != NULL, "%s", e.text);
	CHECK(strstr(e.text, "may keep") == NULL, "%s", e.text);
	CHECK_STR(text_of(root, "gold/schemata"), schemata_before);
	/* What cannot be taken back is said. */
	refused_line = "MB";
	CHECK(resctrl_change(root, &both, a, &old, &e) == -1);
	CHECK(strstr(e.text, "/gold may keep the new MB") != NULL, "%s", e.text);
	refused_line = NULL;
	CHECK_STR(text_of(root, "gold/schemata"), schemata_before);
	CHECK(resctrl_change(root, &one, a, &old, &e) == 0, "%s", e.text);
	CHECK_STR(text_of(root, "gold/schemata"), "    MB:0=50;1=50\n    L3:0=fffff;1=fffff");
	CHECK(resctrl_change(root, &both, a, &old, &e) == 0, "%s", e.text);
	resctrl_restore(root, &both, old, &e);
	CHECK_STR(text_of(root, "gold/schemata"), "    MB:0=50;1=50\n    L3:0=fffff;1=fffff");
	CHECK(resctrl_remove(root, "/gold", false, &e) == 0);
}

int __wrap_cgroup_threads(int group, struct arena *a, struct cgroup_pids *ret, struct err *e);

static int threads[] = { 11, 12, 0 };
static struct cgroup_pids now;		/* what the container's cgroup lists */

int __wrap_cgroup_threads(int group, struct arena *a, struct cgroup_pids *ret, struct err *e)
{
	(void)group;
	(void)e;
	ret->items = arena_new_array(a, int, now.count);
	memcpy(ret->items, now.items, now.count * sizeof(*now.items));
	ret->count = now.count;
	return 0;
}

static void list_threads(size_t count, int last)
{
	threads[2] = last;
	now = (struct cgroup_pids){ threads, count };
}

/* 12 makes 13 while it is moved. */
static void make_thread(void)
{
	list_threads(3, 13);
}

static void make_threads_for_ever(void)
{
	static int last = 100;

	list_threads(3, ++last);
}

/* Every thread, and those that come meanwhile. */
static void test_join_all(int root, struct arena *a)
{
	struct plan_rdt plan = plan_of(NULL, NULL, 0, false, a);
	struct err e;

	CHECK(resctrl_prepare(root, &plan, true, &e) == 0);
	list_threads(2, 0);
	at_task = make_thread;
	CHECK(resctrl_join_all(root, &plan, -1, a, &e) == 0, "%s", e.text);
	CHECK_STR(text_of(root, "box/tasks"), "11\n12\n11\n12\n13\n11\n12\n13");
	at_task = make_threads_for_ever;
	CHECK(resctrl_join_all(root, &plan, -1, a, &e) == -1);
	CHECK(strstr(e.text, "faster than") != NULL, "%s", e.text);
	at_task = NULL;
	list_threads(3, 0);
	CHECK(resctrl_join_all(root, &plan, -1, a, &e) == -1);
	CHECK(strstr(e.text, "no pid namespace of ours") != NULL, "%s", e.text);
	CHECK(resctrl_remove(root, "/box", false, &e) == 0);
}

static const char *warning;

static void warn(const char *text)
{
	warning = text;
}

/* A container's directory, with the record that `update` finds. */
static void make_container(int state, struct container *c, struct arena *a)
{
	struct err e;

	*c = CONTAINER_NONE;
	c->id = "box";
	CHECK(state_claim(state, "box", &c->dir, &e) == 0, "%s", e.text);
	c->record = (struct state_record){
		.version = 1, .id = "box", .oci_version = "1.2.0", .bundle = "/b", .rootfs = "/r",
		.created = "2026-11-01T00:00:00Z", .cgroup = "", .cgroup_mount = "",
		.cgroup_driver = "cgroupfs",
	};
	CHECK(identify(getpid(), a, &c->record, &e) == 0);
	CHECK(state_store(c->dir, &c->record, &e) == 0, "%s", e.text);
}

/* update of a container without a group: it gets its own, which delete and exec find. */
static void test_update_makes(int root, int state, struct arena *a)
{
	const struct oci_intel_rdt none = { .set = false };
	struct oci_intel_rdt wanted = { .set = true, .l3_cache_schema = LINE("L3:0=f;1=f"),
					.mem_bw_schema = LINE("MB:0=20;1=20") };
	struct life l = { .warn = warn };
	struct rdt_update u = RDT_UPDATE_NONE;
	const char *group, *monitor;
	struct container c;
	struct state_record again;
	struct err e;

	make_container(state, &c, a);
	CHECK(rdt_update_make(&l, &c, &none, &none, -1, a, &u, &e) == 0 && u.root < 0);
	CHECK(faccessat(root, "box", F_OK, 0) < 0);
	list_threads(3, 21);
	/* Refused: nothing is left, and nobody will look for it. */
	refused_line = "MB:0=20";
	CHECK(rdt_update_make(&l, &c, &none, &wanted, -1, a, &u, &e) == -1);
	CHECK(strstr(e.text, "MB:0=20;1=20") && !strstr(e.text, "is left"), "%s", e.text);
	CHECK(faccessat(root, "box", F_OK, 0) < 0 && faccessat(c.dir, "resctrl", F_OK, 0) < 0);
	refused_line = NULL;
	CHECK(rdt_update_make(&l, &c, &none, &wanted, -1, a, &u, &e) == 0, "%s", e.text);
	CHECK_STR(text_of(root, "box/schemata"), "    MB:0=20;1=20\n    L3:0=f;1=f");
	CHECK(strstr(text_of(root, "box/tasks"), "21") != NULL && !warning);
	CHECK(state_load(c.dir, a, &again, &e) == 0 && again.resctrl);
	CHECK(state_read_resctrl(c.dir, "box", a, &group, &monitor, &e) == 0);
	CHECK(strcmp(group, "/box") == 0 && !*monitor);
	/* What fails after it takes it back. */
	rdt_update_undo(&c, &u, a, &e);
	rdt_update_close(&u);
	CHECK(faccessat(root, "box", F_OK, 0) < 0 && faccessat(c.dir, "resctrl", F_OK, 0) < 0);
	/* A group of that name that is somebody else's is not touched. */
	CHECK(__wrap_mkdirat(root, "box", 0755) == 0);
	CHECK(rdt_update_make(&l, &c, &none, &wanted, -1, a, &u, &e) == -1);
	CHECK(strstr(e.text, "is there already") != NULL, "%s", e.text);
	CHECK_STR(text_of(root, "box/schemata"), schemata_before);
	CHECK(resctrl_remove(root, "/box", false, &e) == 0);
	CHECK(state_remove(state, c.dir, "box", &e) == 0);
	container_close(&c);
}

/* update of one that has a class: that is changed, with a warning, and changed back. */
static void test_update_changes(int root, int state, struct arena *a)
{
	const struct oci_intel_rdt is = { .set = true, .clos_id = LINE("gold") };
	struct oci_intel_rdt wanted = { .set = true, .mem_bw_schema = LINE("MB:0=20;1=20") };
	struct life l = { .warn = warn };
	struct rdt_update u = RDT_UPDATE_NONE;
	struct container c;
	struct err e;

	make_container(state, &c, a);
	CHECK(__wrap_mkdirat(root, "gold", 0755) == 0);
	CHECK(rdt_update_make(&l, &c, &is, &wanted, -1, a, &u, &e) == 0, "%s", e.text);
	CHECK_STR(text_of(root, "gold/schemata"), "    MB:0=20;1=20\n    L3:0=fffff;1=fffff");
	CHECK(warning && strstr(warning, "/gold is not the container's alone"));
	CHECK(faccessat(root, "box", F_OK, 0) < 0 && faccessat(c.dir, "resctrl", F_OK, 0) < 0);
	CHECK(!*text_of(root, "gold/tasks"));
	rdt_update_undo(&c, &u, a, &e);
	rdt_update_close(&u);
	CHECK_STR(text_of(root, "gold/schemata"), schemata_before);
	CHECK(resctrl_remove(root, "/gold", false, &e) == 0);
	CHECK(state_remove(state, c.dir, "box", &e) == 0);
	container_close(&c);
}

static int make_state(void)
{
	static char path[] = "/tmp/orlop-state-XXXXXX";
	struct err e;
	int fd;

	CHECK(mkdtemp(path) != NULL);
	fd = state_open_root(path, false, &e);
	CHECK(fd >= 0, "%s", e.text);
	return fd;
}

static void remove_dir(int fd)
{
	char path[64], where[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, where, sizeof(where) - 1);
	CHECK(n > 0);
	where[n] = '\0';
	CHECK(rmdir(where) == 0);
	close(fd);
}

int main(void)
{
	auto_arena a = ARENA_NONE;
	int root = make_root(), state = make_state();

	fake_root = root;
	test_own(root, &a);
	test_without_schema(root, &a);
	test_shared(root, &a);
	test_class_is_made(root, &a);
	test_root_and_monitor(root, &a);
	test_change(root, &a);
	test_join_all(root, &a);
	test_update_makes(root, state, &a);
	test_update_changes(root, state, &a);
	empty(root, ".");
	remove_dir(root);
	remove_dir(state);
	return check_result();
}
