/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations on containers that are only made up: a directory, a record, a real cgroup with
 * real processes in it, and no name space. What create would have left at any point is laid out
 * by hand here, and so is what an attacker or a crash would leave. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "check.h"
#include "engine/cgroup.h"
#include "orlop/auto.h"
#include "orlop/life.h"

/* state_identify as a creator calls it, who has a pidfd. */
static int identify(pid_t pid, struct arena *in, struct state_record *record, struct err *error)
{
	auto_fd int pidfd = pidfd_open(pid, 0);

	return pidfd < 0 ? -1 : state_identify(pid, pidfd, in, record, error);
}

static char top[] = "/tmp/orlop-test-life-XXXXXX";
static char base[64];			/* our cgroup, below the mount */
static const char *mount;
static struct err e;
static struct arena a;
static unsigned warnings;
static char last_warning[1200];

static void warn(const char *text)
{
	warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", text);
}

static struct life life = { .root = top, .warn = warn };

/* A container as the tests make it. */
struct fake {
	const char *id;
	char path[128];			/* its cgroup */
	pid_t pid;
};

static int in_cgroup(const char *path, const char *file, const char *text)
{
	auto_fd int group = cgroup_open(mount, path, &e);

	return group < 0 ? -1 : file_write(group, file, text);
}

/* What exec would close: a lock that a test holds must not go on in its child. */
static void close_others(int keep)
{
	close_range(3, (unsigned)keep - 1, 0);
	close_range((unsigned)keep + 1, ~0U, 0);
}

/* A process in the cgroup that sleeps; with `stubborn` it ignores SIGTERM. */
static pid_t spawn_into(const char *path, bool stubborn)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close_others(ready[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (stubborn)
			signal(SIGTERM, SIG_IGN);
		if (path[0] && in_cgroup(path, "cgroup.procs", "0") < 0)
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

static bool lives(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

/* True when the process ends within a second; it is reaped then. */
static bool dies(pid_t pid)
{
	for (int i = 0; i < 100 && lives(pid); i++)
		poll(NULL, 0, 10);
	return !lives(pid) && waitpid(pid, NULL, 0) == pid;
}

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static bool has_dir(const char *id)
{
	return is_there(arena_printf(&a, "%s/%s", top, id));
}

static bool has_cgroup(const struct fake *f)
{
	return is_there(arena_printf(&a, "%s%s", mount, f->path));
}

static struct state_record record_of(const struct fake *f)
{
	struct state_record r = {
		.id = f->id, .oci_version = "1.2.0", .bundle = top, .rootfs = top,
		.created = "2026-11-23T01:23:12Z", .cgroup = f->path, .cgroup_mount = mount,
		.cgroup_driver = "cgroupfs", .ns_new = CLONE_NEWPID,
	};

	CHECK(identify(f->pid, &a, &r, &e) == 0, "%s", e.text);
	return r;
}

/* The directory with the cgroup file, and the cgroup, as a create that was killed leaves them. */
static int lay_out(struct fake *f, const char *id)
{
	auto_fd int root = state_open_root(top, true, &e);
	int dir = -1;

	f->id = id;
	f->pid = -1;
	snprintf(f->path, sizeof(f->path), "%s/%s", base, id);
	CHECK(root >= 0 && state_claim(root, id, &dir, &e) == 0, "%s", e.text);
	CHECK(state_write_cgroup(dir, id, mount, f->path, NULL, &e) == 0, "%s", e.text);
	CHECK(mkdir(arena_printf(&a, "%s%s", mount, f->path), 0755) == 0 || errno == EEXIST);
	return dir;
}

/* A whole container whose process runs. */
static struct fake make(const char *id, uint32_t ns_new, bool poststop)
{
	struct fake f;
	auto_fd int dir = lay_out(&f, id);

	f.pid = spawn_into(f.path, true);
	CHECK(f.pid > 0);
	struct state_record r = record_of(&f);

	r.ns_new = ns_new;
	r.poststop = poststop;
	CHECK(state_store(dir, &r, &e) == 0, "%s", e.text);
	return f;
}

static void test_absent(void)
{
	struct life_view view;
	struct life nowhere = life;
	struct life_views views;

	nowhere.root = "/does/not/exist";
	CHECK(life_state(&life, "nobody", &a, &view, &e) == -1);
	CHECK_STR(e.text, "container does not exist");
	CHECK(life_kill(&life, "nobody", SIGTERM, false, &e) == -1);
	CHECK_STR(e.text, "container does not exist");
	CHECK(life_delete(&life, "nobody", false, &e) == -1);
	CHECK_STR(e.text, "container does not exist");
	CHECK(life_delete(&life, "nobody", true, &e) == 0, "%s", e.text);
	CHECK(life_delete(&nowhere, "nobody", true, &e) == 0, "%s", e.text);
	CHECK(life_state(&nowhere, "nobody", &a, &view, &e) == -1);
	CHECK_STR(e.text, "container does not exist");
	CHECK(life_delete(&life, "../x", true, &e) == -1 && e.kind == ERR_USAGE);
	CHECK(strstr(e.text, "invalid container ID format") != NULL, "%s", e.text);
	CHECK(life_state(&life, "", &a, &view, &e) == -1);
	CHECK_STR(e.text, "container id cannot be empty");
	CHECK(life_list(&nowhere, &a, &views, &e) == -1 && strstr(e.text, "no such file"));
	nowhere.root_is_default = true;
	CHECK(life_list(&nowhere, &a, &views, &e) == 0 && views.count == 0);
}

static void test_running(void)
{
	struct fake f = make("run", CLONE_NEWPID, false);
	pid_t second = spawn_into(f.path, false);
	struct life_view view;
	struct life_pids pids;

	CHECK(life_state(&life, "run", &a, &view, &e) == 0, "%s", e.text);
	CHECK(view.status == STATE_RUNNING && view.pid == f.pid);
	CHECK_STR(view.id, "run");
	CHECK(life_pids(&life, "run", &a, &pids, &e) == 0, "%s", e.text);
	CHECK(pids.count == 2 && pids.items[0] == f.pid && pids.items[1] == second);
	CHECK(life_delete(&life, "run", false, &e) == -1);
	CHECK_STR(e.text, "cannot delete container run that is not stopped: running");
	CHECK(life_kill(&life, "run", SIGTERM, false, &e) == 0, "%s", e.text);
	CHECK(lives(f.pid));			/* ignores it */
	CHECK(life_kill(&life, "run", SIGKILL, false, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid));
	CHECK(lives(second));			/* with a PID namespace the kernel would see to it */
	CHECK(life_state(&life, "run", &a, &view, &e) == 0, "%s", e.text);
	CHECK(view.status == STATE_STOPPED && view.pid == 0);
	CHECK(life_kill(&life, "run", SIGKILL, false, &e) == -1);
	CHECK_STR(e.text, "container not running");
	CHECK(life_kill(&life, "run", SIGKILL, true, &e) == 0, "%s", e.text);
	CHECK(life_pause(&life, "run", 100, &e) == -1);
	CHECK_STR(e.text, "container not running");
	CHECK(life_resume(&life, "run", &e) == -1);
	CHECK_STR(e.text, "container not paused");
	CHECK(life_delete(&life, "run", false, &e) == 0, "%s", e.text);
	CHECK(dies(second));
	CHECK(!has_dir("run") && !has_cgroup(&f));
}

/* Without a PID namespace SIGKILL is for all, also for those who outlived the first process. */
static void test_shared_pid_namespace(void)
{
	struct fake f = make("shared", 0, false);
	pid_t second = spawn_into(f.path, true);
	pid_t third;

	CHECK(life_kill(&life, "shared", SIGTERM, false, &e) == 0, "%s", e.text);
	CHECK(life_kill(&life, "shared", SIGKILL, false, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid) && dies(second));
	CHECK(life_kill(&life, "shared", SIGKILL, false, &e) == -1);
	CHECK_STR(e.text, "container not running");
	third = spawn_into(f.path, true);
	CHECK(life_kill(&life, "shared", SIGTERM, false, &e) == -1);
	CHECK(life_kill(&life, "shared", SIGKILL, false, &e) == 0, "%s", e.text);
	CHECK(dies(third));
	CHECK(life_delete(&life, "shared", false, &e) == 0, "%s", e.text);
}

static void test_pause(void)
{
	struct fake f = make("pause", CLONE_NEWPID, false);
	struct life_view view;

	CHECK(life_resume(&life, "pause", &e) == -1);
	CHECK_STR(e.text, "container not paused");
	CHECK(life_pause(&life, "pause", 5000, &e) == 0, "%s", e.text);
	CHECK(life_state(&life, "pause", &a, &view, &e) == 0 && view.status == STATE_PAUSED);
	CHECK(life_pause(&life, "pause", 5000, &e) == -1);
	CHECK_STR(e.text, "container not running");
	CHECK(life_resume(&life, "pause", &e) == 0, "%s", e.text);
	CHECK(life_state(&life, "pause", &a, &view, &e) == 0 && view.status == STATE_RUNNING);
	CHECK(life_pause(&life, "pause", 5000, &e) == 0, "%s", e.text);
	CHECK(life_delete(&life, "pause", false, &e) == -1);
	CHECK_STR(e.text, "cannot delete container pause that is not stopped: paused");
	CHECK(life_kill(&life, "pause", SIGKILL, false, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid));			/* frozen as it is */
	CHECK(life_delete(&life, "pause", false, &e) == 0, "%s", e.text);
	CHECK(!has_cgroup(&f));

	f = make("pause", CLONE_NEWPID, false);
	CHECK(life_pause(&life, "pause", 5000, &e) == 0, "%s", e.text);
	CHECK(life_delete(&life, "pause", true, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid) && !has_cgroup(&f) && !has_dir("pause"));
}

/*
 * Waits for the answer to a seccomp notification that another process has received and does not
 * answer: with WAIT_KILLABLE_RECV in a sleep that the freezer does not reach, and without any
 * privilege. Does not return.
 */
static _Noreturn void become_unfreezable(int ready)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };
	int listener;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				SECCOMP_FILTER_FLAG_NEW_LISTENER |
				SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
	if (listener < 0)
		_exit(1);
	if (fork() == 0) {
		struct seccomp_notif notification = { 0 };

		prctl(PR_SET_NAME, "receiver");
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0 ||
		    write(ready, "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	syscall(SYS_getppid);
	_exit(0);
}

static void test_unfreezable(void)
{
	struct fake f = make("stuck", CLONE_NEWPID, false);
	struct life_view view;
	int ready[2];
	char byte;
	pid_t pid;
	int64_t begin;

	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		close_others(ready[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "unfreezable");
		if (in_cgroup(f.path, "cgroup.procs", "0") < 0)
			_exit(1);
		become_unfreezable(ready[1]);
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1, "no seccomp notification");
	close(ready[0]);
	begin = fd_now_ms();
	CHECK(life_pause(&life, "stuck", 200, &e) == -1);
	CHECK(fd_now_ms() - begin >= 190 && fd_now_ms() - begin < 2000);
	CHECK(strstr(e.text, "container not paused within 200 ms, and resumed again") != NULL, "%s",
	      e.text);
	CHECK(strstr(e.text, arena_printf(&a, ": %d (unfreezable)", (int)pid)) != NULL, "%s",
	      e.text);
	CHECK(!strstr(e.text, arena_printf(&a, " %d (", (int)f.pid)), "%s", e.text);
	char text[16];
	auto_fd int group = cgroup_open(mount, f.path, &e);
	CHECK(file_read(group, "cgroup.freeze", text, sizeof(text)) > 0);
	CHECK_STR(text, "0");

	/* A pause that was killed half-way has left its wish. */
	CHECK(file_write(group, "cgroup.freeze", "1") == 0);
	CHECK(life_state(&life, "stuck", &a, &view, &e) == 0 && view.status == STATE_RUNNING);
	CHECK(life_resume(&life, "stuck", &e) == 0, "%s", e.text);
	CHECK(file_read(group, "cgroup.freeze", text, sizeof(text)) > 0);
	CHECK_STR(text, "0");

	begin = fd_now_ms();
	CHECK(life_delete(&life, "stuck", true, &e) == 0, "%s", e.text);
	CHECK(fd_now_ms() - begin < 2000);
	CHECK(dies(pid) && dies(f.pid) && !has_cgroup(&f));
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* What create leaves when it is killed: each prefix of what it does. */
static void test_leftovers(void)
{
	auto_fd int root = state_open_root(top, true, &e);
	struct fake f;
	int dir = -1;

	CHECK(state_claim(root, "left", &dir, &e) == 0, "%s", e.text);
	close(dir);
	CHECK(life_delete(&life, "left", true, &e) == 0 && !has_dir("left"), "%s", e.text);
	CHECK(state_claim(root, "left", &dir, &e) == 0, "%s", e.text);
	close(dir);
	CHECK(life_delete(&life, "left", false, &e) == -1 && !has_dir("left"), "%s", e.text);
	CHECK_STR(e.text, "container does not exist");

	dir = lay_out(&f, "left");
	close(dir);
	CHECK(rmdir(arena_printf(&a, "%s%s", mount, f.path)) == 0);	/* was not made yet */
	CHECK(life_delete(&life, "left", true, &e) == 0 && !has_dir("left"), "%s", e.text);

	dir = lay_out(&f, "left");
	close(openat(dir, ".state.json.1", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	close(dir);
	f.pid = spawn_into(f.path, true);
	struct life_view view;
	CHECK(life_state(&life, "left", &a, &view, &e) == -1);
	CHECK_STR(e.text, "container does not exist");
	CHECK(life_delete(&life, "left", true, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid) && !has_dir("left") && !has_cgroup(&f));

	/* A delete that was killed after the cgroup, and after the record. */
	f = make("left", CLONE_NEWPID, false);
	kill(f.pid, SIGKILL);
	CHECK(dies(f.pid));
	CHECK(rmdir(arena_printf(&a, "%s%s", mount, f.path)) == 0);
	CHECK(life_delete(&life, "left", false, &e) == 0 && !has_dir("left"), "%s", e.text);
	f = make("left", CLONE_NEWPID, false);
	CHECK(unlink(arena_printf(&a, "%s/left/state.json", top)) == 0);
	CHECK(life_delete(&life, "left", true, &e) == 0 && !has_dir("left"), "%s", e.text);
	CHECK(dies(f.pid) && !has_cgroup(&f));
	CHECK(life_delete(&life, "left", true, &e) == 0, "%s", e.text);
}

/* A record that cannot be believed: refused, listed with a warning, and cleaned by force. */
static void test_broken_record(void)
{
	static const char *const texts[] = { "", "{", "null", "\xff", "{\"pid\": 1}" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct fake f = make("broken", CLONE_NEWPID, false);
		struct life_view view;
		struct life_views views;
		auto_fd int dir = open(arena_printf(&a, "%s/broken", top),
				       O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		CHECK(file_replace(dir, "state.json", texts[i], strlen(texts[i])) == 0);
		CHECK(life_state(&life, "broken", &a, &view, &e) == -1, "row %zu", i);
		CHECK(life_kill(&life, "broken", SIGKILL, true, &e) == -1);
		CHECK(lives(f.pid));
		warnings = 0;
		CHECK(life_list(&life, &a, &views, &e) == 0 && views.count == 0);
		CHECK(warnings == 1 && strstr(last_warning, "load container broken: "), "%s",
		      last_warning);
		CHECK(life_delete(&life, "broken", false, &e) == -1 && has_dir("broken"));
		CHECK(strstr(e.text, "hint: delete --force") != NULL, "%s", e.text);
		CHECK(life_delete(&life, "broken", true, &e) == 0, "%s", e.text);
		CHECK(dies(f.pid) && !has_cgroup(&f) && !has_dir("broken"));
	}
}

/* Things that lead to the wrong processes when they are believed. */
static void test_wrong_process(void)
{
	struct fake f = make("first", CLONE_NEWPID, false);
	struct life_view view;
	char command[256];

	/* A copy of the directory is no second container. */
	snprintf(command, sizeof(command), "cp -a %s/first %s/second", top, top);
	CHECK(system(command) == 0);
	CHECK(life_state(&life, "second", &a, &view, &e) == -1);
	CHECK(life_kill(&life, "second", SIGKILL, false, &e) == -1);
	CHECK(life_delete(&life, "second", true, &e) == 0, "%s", e.text);
	CHECK(!has_dir("second") && lives(f.pid) && has_cgroup(&f));
	CHECK(system(command) == 0);
	CHECK(unlink(arena_printf(&a, "%s/second/state.json", top)) == 0);
	CHECK(life_delete(&life, "second", true, &e) == 0, "%s", e.text);
	CHECK(lives(f.pid));

	/* The pid was recycled, or the machine restarted: neither process nor cgroup is ours. */
	struct state_record r = record_of(&f), other;
	auto_fd int dir = open(arena_printf(&a, "%s/first", top), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	other = r;
	other.pid_inode += other.pid_inode != 0;
	other.pid_start += other.pid_start != 0;
	CHECK(state_store(dir, &other, &e) == 0, "%s", e.text);
	CHECK(life_kill(&life, "first", SIGTERM, false, &e) == -1);
	CHECK_STR(e.text, "container not running");
	other.boot_id = "00000000-0000-0000-0000-000000000000";
	CHECK(state_store(dir, &other, &e) == 0, "%s", e.text);
	CHECK(unlinkat(dir, "cgroup", 0) == 0);
	CHECK(life_kill(&life, "first", SIGKILL, true, &e) == 0, "%s", e.text);
	struct life_pids pids;
	CHECK(life_pids(&life, "first", &a, &pids, &e) == 0 && pids.count == 0, "%s", e.text);
	CHECK(life_delete(&life, "first", true, &e) == 0, "%s", e.text);
	CHECK(lives(f.pid) && has_cgroup(&f));
	kill(f.pid, SIGKILL);
	CHECK(dies(f.pid));
	CHECK(rmdir(arena_printf(&a, "%s%s", mount, f.path)) == 0);
}

/* The cgroup file is gone or broken: the record still knows, if it is of this boot. */
static void test_broken_cgroup_file(void)
{
	struct fake f = make("cgfile", CLONE_NEWPID, false);

	CHECK(unlink(arena_printf(&a, "%s/cgfile/cgroup", top)) == 0);
	CHECK(mkfifo(arena_printf(&a, "%s/cgfile/cgroup", top), 0600) == 0);
	CHECK(life_delete(&life, "cgfile", true, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid) && !has_cgroup(&f) && !has_dir("cgfile"));
	f = make("cgfile", CLONE_NEWPID, false);
	pid_t second = spawn_into(f.path, true);
	kill(f.pid, SIGKILL);
	CHECK(dies(f.pid));
	CHECK(unlink(arena_printf(&a, "%s/cgfile/cgroup", top)) == 0);
	CHECK(life_delete(&life, "cgfile", false, &e) == 0, "%s", e.text);
	CHECK(dies(second) && !has_cgroup(&f));
}

/* Planted under the id itself. */
static void test_planted(void)
{
	struct life_view view;

	CHECK(symlink("/etc", arena_printf(&a, "%s/link", top)) == 0);
	CHECK(life_state(&life, "link", &a, &view, &e) == -1);
	CHECK(life_delete(&life, "link", false, &e) == -1 &&
	      lstat(arena_printf(&a, "%s/link", top), &(struct stat){ 0 }) == 0);
	CHECK(life_delete(&life, "link", true, &e) == 0, "%s", e.text);
	CHECK(lstat(arena_printf(&a, "%s/link", top), &(struct stat){ 0 }) < 0);
	CHECK(is_there("/etc/passwd"));
	CHECK(mkfifo(arena_printf(&a, "%s/pipe", top), 0600) == 0);
	CHECK(life_kill(&life, "pipe", SIGKILL, true, &e) == -1);
	CHECK(life_delete(&life, "pipe", true, &e) == 0, "%s", e.text);
}

/* Holds the lock in another process until it is killed. */
static pid_t hold_lock(const char *id)
{
	int ready[2];
	char byte;
	pid_t pid;

	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		int dir = open(arena_printf(&a, "%s/%s", top, id), O_RDONLY | O_DIRECTORY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (flock(dir, LOCK_EX) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

static void test_hung_operation(void)
{
	struct fake f = make("hung", CLONE_NEWPID, false);
	pid_t holder = hold_lock("hung");
	struct life_view view;
	int64_t begin = fd_now_ms();

	CHECK(life_state(&life, "hung", &a, &view, &e) == 0 && view.status == STATE_RUNNING);
	CHECK(life_kill(&life, "hung", SIGKILL, false, &e) == 0, "%s", e.text);
	CHECK(fd_now_ms() - begin < 200);
	CHECK(life_delete(&life, "hung", true, &e) == 0, "%s", e.text);
	CHECK(fd_now_ms() - begin >= 400 && fd_now_ms() - begin < 2000);
	CHECK(dies(f.pid) && !has_dir("hung") && !has_cgroup(&f));
	kill(holder, SIGKILL);
	CHECK(dies(holder));
}

/*
 * A create under way and a delete --force that does not wait for it, stepped through by hand: the
 * create is stopped after each of its effects, the delete runs, the create goes on. Nothing may
 * be left when both are over.
 */
static void test_race_with_create(void)
{
	enum { CLAIMED, NAMED, GROUP_MADE, CLONED, STORED, STOPS };

	for (int stop = CLAIMED; stop < STOPS; stop++) {
		auto_fd int root = state_open_root(top, true, &e);
		struct fake f = { .id = "race", .pid = -1 };
		pid_t deleter = -1;
		int dir = -1, status;
		bool condemned = false;

		snprintf(f.path, sizeof(f.path), "%s/race", base);
		for (int step = CLAIMED; step < STOPS && !condemned; step++) {
			switch (step) {
			case CLAIMED:
				CHECK(state_claim(root, "race", &dir, &e) == 0, "%s", e.text);
				break;
			case NAMED:
				condemned = state_write_cgroup(dir, "race", mount, f.path, NULL, &e) < 0;
				break;
			case GROUP_MADE:
				CHECK(mkdir(arena_printf(&a, "%s%s", mount, f.path), 0755) == 0);
				break;
			case CLONED:
				f.pid = spawn_into(f.path, true);
				condemned = state_condemned(dir);
				break;
			default: {
				struct state_record r = record_of(&f);

				condemned = state_store(dir, &r, &e) < 0;
			}
			}
			if (step != stop)
				continue;
			deleter = fork();
			if (deleter == 0)
				_exit(life_delete(&life, "race", true, &e) == 0 ? 0 : 1);
			CHECK(waitpid(deleter, &status, 0) == deleter && status == 0);
		}
		CHECK(condemned == (stop != STORED), "stop %d", stop);
		/* The create's way back, as its undo list would do it. */
		if (condemned) {
			if (f.pid > 0)
				kill(f.pid, SIGKILL);
			CHECK(cgroup_remove(mount, f.path, 1000, &e) == 0, "%s", e.text);
			CHECK(state_remove(root, dir, "race", &e) == 0, "%s", e.text);
		}
		close(dir);
		CHECK(f.pid < 0 || dies(f.pid), "stop %d", stop);
		CHECK(!has_dir("race") && !has_cgroup(&f), "stop %d", stop);
	}
}

static void test_poststop(void)
{
	static const char format[] =
		"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"hooks\":{\"poststop\":["
		"{\"path\":\"/bin/sh\",\"args\":[\"h\",\"-c\",\"exit 1\"]},"
		"{\"path\":\"/bin/sh\",\"args\":[\"h\",\"-c\",\"cat > hook-said; "
		"test ! -e %s/hooked && echo gone >> hook-said\"]}]}}";
	struct fake f = make("hooked", CLONE_NEWPID, true);
	const char *config = arena_printf(&a, format, top);
	auto_fd int dir = open(arena_printf(&a, "%s/hooked", top), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(file_replace(dir, "config.json", config, strlen(config)) == 0);
	warnings = 0;
	CHECK(life_delete(&life, "hooked", true, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid) && !has_dir("hooked") && !has_cgroup(&f));
	CHECK(warnings == 1 &&
	      strstr(last_warning, "error running poststop hook #0: exit status 1"), "%s",
	      last_warning);
	char *said = file_read_path(arena_printf(&a, "%s/hook-said", top), 4096, &a, NULL);
	CHECK_STR(said, arena_printf(&a, "{\"ociVersion\":\"1.2.0\",\"id\":\"hooked\",\"pid\":0,"
				     "\"status\":\"stopped\",\"bundle\":\"%s\"}gone\n", top));

	/* Its configuration was lost: a warning, and the container is gone nevertheless. */
	f = make("hooked", CLONE_NEWPID, true);
	warnings = 0;
	CHECK(life_delete(&life, "hooked", true, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid) && !has_dir("hooked") && warnings == 1, "%s", last_warning);
}

/* With the driver "disabled" there is no cgroup at all. */
static void test_without_cgroup(void)
{
	auto_fd int root = state_open_root(top, true, &e);
	struct fake f = { .id = "bare", .pid = spawn_into("", true) };
	struct state_record r = record_of(&f);
	struct life_pids pids;
	int dir = -1;

	r.cgroup = r.cgroup_mount = "";
	r.ns_new = 0;
	CHECK(state_claim(root, "bare", &dir, &e) == 0, "%s", e.text);
	CHECK(state_write_cgroup(dir, "bare", "", "", NULL, &e) == 0, "%s", e.text);
	CHECK(state_store(dir, &r, &e) == 0, "%s", e.text);
	close(dir);
	CHECK(life_pids(&life, "bare", &a, &pids, &e) == 0 && pids.count == 1);
	CHECK(life_pause(&life, "bare", 100, &e) == -1 && strstr(e.text, "has no cgroup"), "%s",
	      e.text);
	CHECK(life_resume(&life, "bare", &e) == -1);
	CHECK_STR(e.text, "container not paused");
	CHECK(life_kill(&life, "bare", SIGKILL, false, &e) == 0, "%s", e.text);
	CHECK(dies(f.pid));
	CHECK(life_delete(&life, "bare", false, &e) == 0, "%s", e.text);
}

static void test_list(void)
{
	struct fake one = make("one", CLONE_NEWPID, false), two = make("two", CLONE_NEWPID, false);
	struct life_views views;

	kill(one.pid, SIGKILL);
	CHECK(dies(one.pid));
	CHECK(life_list(&life, &a, &views, &e) == 0 && views.count == 2, "%s", e.text);
	if (views.count == 2) {
		CHECK_STR(views.items[0].id, "one");
		CHECK(views.items[0].status == STATE_STOPPED && views.items[0].pid == 0);
		CHECK_STR(views.items[1].id, "two");
		CHECK(views.items[1].status == STATE_RUNNING && views.items[1].pid == two.pid);
	}
	CHECK(life_delete(&life, "one", true, &e) == 0 && life_delete(&life, "two", true, &e) == 0);
	CHECK(dies(two.pid));
}

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static const char *find_cgroup2(void)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
		if (is_there(arena_printf(&a, "%s/cgroup.procs", mounts[i])) &&
		    access(arena_printf(&a, "%s/cgroup.controllers", mounts[i]), F_OK) == 0)
			return mounts[i];
	return NULL;
}

static int skip(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	return 77;
}

int main(void)
{
	static void (*const tests[])(void) = {
		test_absent, test_running, test_shared_pid_namespace, test_pause,
		test_unfreezable, test_leftovers, test_broken_record, test_wrong_process,
		test_broken_cgroup_file, test_planted, test_hung_operation,
		test_race_with_create, test_poststop, test_without_cgroup, test_list,
	};
	int fds;

	if (geteuid() != 0)
		return skip("making cgroups needs root");
	mount = find_cgroup2();
	if (!mount)
		return skip("no cgroup2 mount on /sys/fs/cgroup or /sys/fs/cgroup/unified");
	snprintf(base, sizeof(base), "/orlop-test-life-%d", (int)getpid());
	if (mkdir(arena_printf(&a, "%s%s", mount, base), 0755) < 0)
		return skip("the cgroup2 mount cannot be written to");
	if (!mkdtemp(top))
		return 99;
	/* Orphans of the tests come to us and end with us. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fds = open_fds();
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tests[i]();
	CHECK(open_fds() == fds, "%d, were %d", open_fds(), fds);
	CHECK(cgroup_remove(mount, base, 2000, &e) == 0, "%s", e.text);
	CHECK(system(arena_printf(&a, "rm -rf %s", top)) == 0);
	arena_free(&a);
	return check_result();
}
