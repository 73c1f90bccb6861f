/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup engine against the kernel: root and a cgroup2 mount are needed, nothing else. All
 * groups are made below one of our own, which is removed at the end, also after a failed check.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/sys.h"
#include "check.h"
#include "engine/cgroup.h"
#include "orlop/auto.h"

static const char *mount;
static char base[64];
static char controller[32], limit_file[64];	/* one that this machine has, or "" */

static const char *find_mount(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs st;

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (statfs(places[i], &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	return NULL;
}

/* A path below our base, in one of a few buffers that take turns. */
static const char *below(const char *name)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % ARRAY_LEN(paths)];

	snprintf(path, sizeof(paths[0]), "%s%s", base, name);
	return path;
}

static bool exists(const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", mount, path);
	return access(full, F_OK) == 0;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static int make(const char *path, struct err *e)
{
	struct plan_cgroup plan = { .path = path };

	return cgroup_create(&plan, mount, e);
}

static void removed(const char *path)
{
	struct err e;

	CHECK(cgroup_remove(mount, path, 5000, &e) == 0, "%s: %s", path, e.text);
	CHECK(!exists(path), "%s", path);
}

/* A process that waits to be killed, born in the group. */
static pid_t start_in(int group)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
		.cgroup = (uint64_t)group };
	pid_t pid = sys_clone3(&args);

	if (pid == 0) {
		alarm(60);
		for (;;)
			pause();
	}
	return pid;
}

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void levels_are_made_and_removed(void)
{
	struct err e;
	auto_fd int group = make(below("/made/x/y"), &e);

	CHECK(group >= 0, "%s", e.text);
	CHECK(exists(below("/made/x/y")));
	CHECK(cgroup_frozen(group, &e) == 0);
	CHECK(cgroup_oom_kills(group) == 0);

	auto_fd int again = make(below("/made/x/y"), &e);

	CHECK(again >= 0, "an empty group is taken: %s", e.text);

	auto_fd int open = cgroup_open(mount, below("/made/x/y"), &e);

	CHECK(open >= 0, "%s", e.text);
	removed(below("/made/x/y"));
	CHECK(exists(below("/made/x")), "what is above a group is not its");
	removed(below("/made/x/y"));
	removed(below("/made"));
	removed(below("/made/x/y"));
	CHECK(cgroup_open(mount, below("/made"), &e) < 0 && e.code == ENOENT, "%s", e.text);
	CHECK(cgroup_kill(group, &e) == 0, "a removed group has nothing to kill: %s", e.text);
	CHECK(cgroup_freeze(group, true, 100, &e) < 0);
}

static void paths_do_not_leave_the_mount(void)
{
	static const char *const paths[] = { "/", "relative", "", "/../x", "/x/../../y",
		"/cgroup.procs", "/cgroup.procs/x" };
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CHECK(make(paths[i], &e) < 0, "\"%s\" was made", paths[i]);
		CHECK(cgroup_remove(mount, "/", 100, &e) < 0);
	}
	CHECK(cgroup_remove(mount, "/../proc", 100, &e) < 0 || !exists("/../proc"));
	CHECK(cgroup_open("/proc", "/x", &e) < 0);
	CHECK_STR(e.text, "\"/proc\" is not a cgroup2 file system");
}

static void used_groups_are_refused(void)
{
	struct err e;
	auto_fd int group = make(below("/used"), &e);
	pid_t pid;

	CHECK(group >= 0, "%s", e.text);
	pid = start_in(group);
	CHECK(pid > 0);
	CHECK(make(below("/used"), &e) < 0);
	CHECK_STR(e.text, "container's cgroup is not empty: 1 process(es) found");
	CHECK(exists(below("/used")), "a group that was there is left alone");
	CHECK(cgroup_kill(group, &e) == 0, "%s", e.text);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(cgroup_freeze(group, true, 1000, &e) == 0, "%s", e.text);
	CHECK(make(below("/used"), &e) < 0);
	CHECK_STR(e.text, "container's cgroup unexpectedly frozen");
	CHECK(make(below("/used/new"), &e) < 0);
	CHECK(begins(e.text, "container's cgroup unexpectedly frozen\nhint: it, or a cgroup above"),
	      "%s", e.text);
	CHECK(!exists(below("/used/new")), "a refused group is taken back");
	CHECK(cgroup_freeze(group, false, 1000, &e) == 0, "%s", e.text);

	auto_fd int inner = make(below("/used/threads"), &e);

	CHECK(file_write(inner, "cgroup.type", "threaded") == 0);
	CHECK(make(below("/used/threads"), &e) < 0);
	CHECK(strstr(e.text, "is \"threaded\""), "%s", e.text);

	auto_fd int other = make(below("/used/other"), &e);

	CHECK(other >= 0 && start_in(other) < 0 && errno == EOPNOTSUPP, "%d", errno);
	err_sys_code(&e, EOPNOTSUPP, "clone3");
	cgroup_explain_join(other, &e);
	CHECK_STR(e.text, "clone3: operation not supported\n"
		  "hint: the type of the cgroup is \"domain invalid\", a container needs a domain");
	removed(below("/used"));
}

static void a_group_with_controllers_says_why_it_takes_no_process(void)
{
	char *controllers[] = { controller }, enable[40];
	struct plan_cgroup plan = { .path = below("/busy"), .controllers = { controllers, 1 } };
	struct err e;

	if (!*controller)
		return;

	auto_fd int group = cgroup_create(&plan, mount, &e);
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
		.cgroup = (uint64_t)group };
	pid_t pid;

	snprintf(enable, sizeof(enable), "+%s", controller);
	CHECK(file_write(group, "cgroup.subtree_control", enable) == 0);
	pid = sys_clone3(&args);
	if (pid == 0)
		_exit(0);
	CHECK(pid < 0 && errno == EBUSY, "%d", errno);
	err_sys_code(&e, EBUSY, "clone3");
	cgroup_explain_join(group, &e);
	CHECK(strstr(e.text, "controllers enabled for groups below it"), "%s", e.text);
	removed(below("/busy"));
}

static void limits_are_written(void)
{
	char *controllers[] = { controller };
	struct plan_cgroup_write writes[] = {
		{ .file = limit_file, .value = "4194304", .controller = controller,
		  .member = "linux.resources.hugepageLimits[0]" },
		{ .file = "no.such.file", .value = "1", .other_file = "cgroup.max.depth",
		  .other_value = "7", .member = "linux.resources.unified" },
		{ .file = "no.such.file", .value = "1", .skip_if_absent = true,
		  .member = "linux.resources.unified" },
		{ .file = "memory.high", .value = "max", .controller = "memory",
		  .skip_if_absent = true, .member = "linux.resources.memory" },
	};
	struct plan_cgroup plan = { .path = below("/limits/a/b"),
		.controllers = { controllers, 1 }, .writes = { writes, ARRAY_LEN(writes) } };
	struct err e;
	char text[128];

	if (!*controller) {
		fprintf(stderr, "no cgroup2 controller here: limits are NOT tested\n");
		return;
	}

	auto_fd int group = cgroup_create(&plan, mount, &e);

	CHECK(group >= 0, "%s", e.text);
	CHECK(file_read(group, limit_file, text, sizeof(text)) > 0);
	CHECK_STR(text, "4194304");
	CHECK(file_read(group, "cgroup.max.depth", text, sizeof(text)) > 0);
	CHECK_STR(text, "7");

	/* The same through an existing group whose parent lacks the controller. */
	auto_fd int plain = make(below("/limits/plain/c"), &e);

	CHECK(cgroup_apply(plain, &plan, &e) == 0, "%s", e.text);
	CHECK(file_read(plain, limit_file, text, sizeof(text)) > 0);
	CHECK_STR(text, "4194304");

	writes[0].value = "much";
	CHECK(cgroup_apply(plain, &plan, &e) < 0);
	snprintf(text, sizeof(text), "Limits[0]: %s \"much\": invalid argument", limit_file);
	CHECK(strstr(e.text, text), "%s", e.text);

	/* An ancestor with a process is not turned into a threaded domain or asked in vain. */
	auto_fd int full = make(below("/limits/full"), &e);
	pid_t pid = start_in(full);

	plan.path = below("/limits/full/d");
	CHECK(cgroup_create(&plan, mount, &e) < 0);
	CHECK(strstr(e.text, "has processes of its own") && e.code == EBUSY, "%s", e.text);
	CHECK(!exists(below("/limits/full/d")));
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);

	/* Controllers that no write would miss are enabled all the same. */
	plan.path = below("/limits/silent/e");
	plan.writes.count = 0;
	auto_fd int silent = cgroup_create(&plan, mount, &e);

	CHECK(silent >= 0, "%s", e.text);
	CHECK(file_read(silent, "cgroup.controllers", text, sizeof(text)) > 0);
	CHECK_STR(text, controller);
	removed(below("/limits"));
}

static void absent_controllers_are_named_and_nothing_is_left(void)
{
	char nosuch[] = "nosuch", *controllers[] = { nosuch };
	struct plan_cgroup_write missing = { .file = "nosuch.max", .value = "1",
		.controller = "nosuch", .member = "linux.resources.memory.limit" };
	struct plan_cgroup plan = { .path = below("/absent/x/y"),
		.controllers = { controllers, 1 }, .writes = { &missing, 1 } };
	struct err e;

	CHECK(cgroup_create(&plan, mount, &e) < 0);
	CHECK(begins(e.text, "linux.resources.memory.limit: enable the controller \"nosuch\" below "
			     "cgroup \"/\": no such file or directory\nhint: the controllers there "
			     "are"), "%s", e.text);
	CHECK(!exists(below("/absent")), "left behind");

	/* A plan that forgot to ask for the controller is refused by the file that is missing. */
	plan.controllers.count = 0;
	CHECK(cgroup_create(&plan, mount, &e) < 0);
	CHECK(strstr(e.text, "linux.resources.memory.limit: nosuch.max \"1\": no such file") &&
	      strstr(e.text, "is not enabled for cgroup"), "%s", e.text);
	CHECK(!exists(below("/absent")), "left behind");

	/* What was there before stays. */
	auto_fd int kept = make(below("/absent/x"), &e);

	CHECK(kept >= 0 && cgroup_create(&plan, mount, &e) < 0);
	CHECK(exists(below("/absent/x")) && !exists(below("/absent/x/y")));
	missing.file = "../escape";
	CHECK(cgroup_create(&plan, mount, &e) < 0 && strstr(e.text, "not the name"), "%s", e.text);
	removed(below("/absent"));
}

/* The walk may fail at any level; what was made above is taken back from wherever it stands. */
static void a_walk_that_ends_early_leaves_nothing(void)
{
	static const char *const paths[] = { "/early/a\nb/c", "/early/a/b\nc", "/early/a/b/c\nd/e/f" };
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		/* The kernel takes no line break in the name of a group. */
		CHECK(make(below(paths[i]), &e) < 0 && e.code == EINVAL, "%s", e.text);
		CHECK(!exists(below("/early")), "%s", paths[i]);
	}
}

/* The names of groups may be longer than those of files. */
static void long_names_are_removed(void)
{
	char name[2001], path[2100];
	struct err e;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(path, sizeof(path), "%s/long/%s/below", base, name);

	auto_fd int group = make(path, &e);

	CHECK(group >= 0, "%s", e.text);
	CHECK(cgroup_remove(mount, below("/long"), 1000, &e) == 0, "%s", e.text);
	CHECK(!exists(below("/long")));
}

static void freezing_is_confirmed(void)
{
	struct err e;
	auto_fd int group = make(below("/freeze/in"), &e);
	auto_fd int above = cgroup_open(mount, below("/freeze"), &e);
	pid_t pid = start_in(group);
	int64_t began;

	CHECK(cgroup_freeze(group, true, 2000, &e) == 0, "%s", e.text);
	CHECK(cgroup_frozen(group, &e) == 1);
	CHECK(cgroup_freeze(above, true, 2000, &e) == 0, "%s", e.text);
	began = fd_now_ms();
	CHECK(cgroup_freeze(group, false, 60, &e) == CGROUP_TIMED_OUT, "frozen from above");
	CHECK(fd_now_ms() - began < 500);
	CHECK(cgroup_freeze(above, false, 2000, &e) == 0, "%s", e.text);
	CHECK(cgroup_frozen(group, &e) == 0);
	CHECK(cgroup_freeze(group, true, 2000, &e) == 0, "%s", e.text);
	removed(below("/freeze"));
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void all_processes_are_listed_once(void)
{
	enum { DEPTH = 200 };
	auto_arena a = ARENA_NONE;
	struct cgroup_pids pids;
	struct err e;
	auto_fd int top = make(below("/pids"), &e);
	pid_t want[4] = { start_in(top), 0, 0, 0 };
	int dir = dup(top);

	for (int i = 0; i < DEPTH; i++) {
		int next;

		CHECK(mkdirat(dir, "d", 0755) == 0 && mkdirat(dir, "e", 0755) == 0);
		next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK(next >= 0);
		close(dir);
		dir = next;
		if (i == 3)
			want[1] = start_in(dir);
	}
	want[2] = start_in(dir);
	CHECK(mkdirat(top, "f", 0755) == 0);
	auto_fd int f = openat(top, "f", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	want[3] = start_in(f);
	CHECK(cgroup_pids(top, &a, &pids, &e) == 0, "%s", e.text);
	CHECK(pids.count == 4, "%zu", pids.count);
	for (size_t i = 0; i < pids.count && i < 4; i++)
		CHECK(pids.items[i] == want[i] || want[i] < want[0], "%d", pids.items[i]);
	close(dir);
	removed(below("/pids"));
	for (int i = 0; i < 4; i++)
		CHECK(waitpid(want[i], NULL, 0) == want[i]);
}

/* Somebody keeps putting processes into a group that we remove: it ends, one way or the other. */
static void removing_is_bounded(void)
{
	struct err e;
	auto_fd int group = make(below("/storm"), &e);
	pid_t stuffer = fork();
	int64_t began = fd_now_ms(), took;
	int r;

	if (stuffer == 0) {
		struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
			.cgroup = (uint64_t)group };

		signal(SIGCHLD, SIG_IGN);
		alarm(2);
		for (;;) {
			if (sys_clone3(&args) == 0)
				for (;;)
					pause();
			usleep(100);
		}
	}
	usleep(20000);
	r = cgroup_remove(mount, below("/storm"), 300, &e);
	took = fd_now_ms() - began;
	CHECK(r == 0 || (r == -1 && strstr(e.text, "within 300 ms")) || strstr(e.text, "in use"),
	      "%s", e.text);
	CHECK(took < 1500, "%d ms", (int)took);
	fprintf(stderr, "a storm of processes: %s after %d ms\n", r == 0 ? "removed" : e.text,
		(int)took);
	kill(stuffer, SIGKILL);
	waitpid(stuffer, NULL, 0);
	removed(below("/storm"));
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t best_create(void)
{
	int64_t best = INT64_MAX;
	struct err e;

	for (int i = 0; i < 200; i++) {
		int64_t began = now_ns();
		auto_fd int group = make(below("/many/one"), &e);
		int64_t took = now_ns() - began;

		if (took < best)
			best = took;
		if (cgroup_remove(mount, below("/many/one"), 1000, &e) < 0)
			CHECK(false, "%s", e.text);
	}
	return best;
}

static void siblings_do_not_slow_it_down(void)
{
	struct err e;
	auto_fd int many = make(below("/many"), &e);
	int64_t alone = best_create(), among;
	char name[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "sibling%d", i);
		CHECK(mkdirat(many, name, 0755) == 0);
	}
	among = best_create();
	fprintf(stderr, "create: %.1f us alone, %.1f us among 1000 siblings\n", (double)alone / 1e3,
		(double)among / 1e3);
	CHECK(among < alone * 2);
	removed(below("/many"));
}

/* Remembers the first controller that the mount has and a file of it that takes a number. */
static void find_controller(void)
{
	static const char *const known[][2] = { { "memory", "memory.max" },
		{ "hugetlb", "hugetlb.2MB.max" }, { "pids", "pids.max" } };
	auto_fd int top = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[256];

	if (file_read(top, "cgroup.controllers", text, sizeof(text)) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(text, known[i][0])) {
			snprintf(controller, sizeof(controller), "%s", known[i][0]);
			snprintf(limit_file, sizeof(limit_file), "%s", known[i][1]);
			return;
		}
}

int main(void)
{
	struct err e;
	int fds = count_fds();

	mount = find_mount();
	if (geteuid() != 0 || !mount) {
		fprintf(stderr, "SKIPPED: needs root and a cgroup2 mount\n");
		return 77;
	}
	snprintf(base, sizeof(base), "/orlop-test-%d", (int)getpid());
	find_controller();

	auto_fd int top = make(base, &e);

	if (top < 0) {
		fprintf(stderr, "SKIPPED: no cgroup can be made here: %s\n", e.text);
		return 77;
	}
	alarm(120);
	levels_are_made_and_removed();
	paths_do_not_leave_the_mount();
	used_groups_are_refused();
	a_group_with_controllers_says_why_it_takes_no_process();
	limits_are_written();
	absent_controllers_are_named_and_nothing_is_left();
	a_walk_that_ends_early_leaves_nothing();
	long_names_are_removed();
	freezing_is_confirmed();
	all_processes_are_listed_once();
	removing_is_bounded();
	siblings_do_not_slow_it_down();
	close(take_fd(&top));
	removed(base);
	CHECK(count_fds() == fds, "%d descriptors, %d before", count_fds(), fds);
	return check_result();
}
