/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of real processes: alive, waiting, dead, unreaped, and the ones that merely have the
 * pid of a record.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "orlop/auto.h"
#include "orlop/state.h"
#include "state/identity.h"
#include "state_dir.h"

/* state_identify as a creator calls it, who has a pidfd. */
static int identify(pid_t pid, struct arena *in, struct state_record *record, struct err *error)
{
	auto_fd int pidfd = pidfd_open(pid, 0);

	return pidfd < 0 ? -1 : state_identify(pid, pidfd, in, record, error);
}

static char top[] = "/tmp/orlop-test-status-XXXXXX";
static struct err e;

static enum state_status status_of(int dir, const struct state_record *r)
{
	enum state_status status = STATE_STATUS_COUNT_;
	int pidfd = -2;

	CHECK(state_status(dir, r, &status, &pidfd, &e) == 0, "%s", e.text);
	CHECK((pidfd >= 0) == (status != STATE_STOPPED), "%d %d", pidfd, (int)status);
	if (pidfd >= 0)
		close(pidfd);
	return status;
}

/* A process that does nothing until it is killed, with a second thread when asked for one. */
static void *sleep_long(void *unused)
{
	pause();
	return unused;
}

static pid_t start_sleeper(bool thread)
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, ") R 1 (\n");	/* must not confuse the reader of stat */
		if (thread && pthread_create(&t, NULL, sleep_long, NULL) != 0)
			_exit(1);
		pause();
		_exit(0);
	}
	return pid;
}

/* What is recorded where the kernel has one inode for all pidfds. */
static void test_older_kernel(int dir, struct state_record r)
{
	r.pid_inode = 0;
	CHECK(identity_start(r.pid, &r.pid_start) == 0);
	CHECK(status_of(dir, &r) == STATE_RUNNING);
	r.pid_start--;
	CHECK(status_of(dir, &r) == STATE_STOPPED);
}

static void test_process(int dir)
{
	auto_arena a = ARENA_NONE;
	struct state_record r = { .cgroup = "", .cgroup_mount = "" }, other;
	pid_t pid = start_sleeper(false);
	struct statfs fs;

	usleep(20000);
	CHECK(identify(pid, &a, &r, &e) == 0, "%s", e.text);
	CHECK(r.pid == pid && !r.pid_inode != !r.pid_start && strlen(r.boot_id) == 36);
	CHECK(status_of(dir, &r) == STATE_RUNNING);

	other = r;
	other.pid_inode += other.pid_inode != 0;
	other.pid_start += other.pid_start != 0;
	CHECK(status_of(dir, &other) == STATE_STOPPED);		/* the pid was recycled */
	test_older_kernel(dir, r);
	other = r;
	other.boot_id = "00000000-0000-0000-0000-000000000000";
	CHECK(fstatfs(dir, &fs) == 0);
	CHECK(status_of(dir, &other) ==				/* the machine was restarted */
	      (fs.f_type == TMPFS_MAGIC ? STATE_RUNNING : STATE_STOPPED));
	other = r;
	other = r;
	other.pid = 1;
	CHECK(status_of(dir, &other) == STATE_STOPPED);
	other.pid = 0;
	CHECK(status_of(dir, &other) == STATE_STOPPED);

	kill(pid, SIGSTOP);
	CHECK(status_of(dir, &r) == STATE_RUNNING);
	kill(pid, SIGKILL);
	siginfo_t info;
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	CHECK(status_of(dir, &r) == STATE_STOPPED);		/* a zombie */
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(status_of(dir, &r) == STATE_STOPPED);
	CHECK(identify(pid, &a, &other, &e) == -1);
}

/* A pid that is now the id of somebody's second thread. */
static void test_thread_id(int dir)
{
	auto_arena a = ARENA_NONE;
	struct state_record r = { .cgroup = "", .cgroup_mount = "" };
	pid_t pid = start_sleeper(true);
	char command[96];

	usleep(50000);
	CHECK(identify(pid, &a, &r, &e) == 0, "%s", e.text);
	snprintf(command, sizeof(command), "ls /proc/%d/task | tail -n1", (int)pid);
	FILE *f = popen(command, "r");
	int tid = 0;

	CHECK(f && fscanf(f, "%d", &tid) == 1 && tid != pid);
	if (f)
		pclose(f);
	r.pid = tid;
	CHECK(status_of(dir, &r) == STATE_STOPPED);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Listens as a waiting container process does, then lets go of the socket as exec does. */
static pid_t start_waiting(int dir, int go)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "start.sock" };
		int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		char byte;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fchdir(dir) < 0 || bind(s, (void *)&address, sizeof(address)) < 0 ||
		    listen(s, 1) < 0 || write(go, "x", 1) != 1 || read(go, &byte, 1) != 1)
			_exit(1);
		close(s);
		if (write(go, "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	return pid;
}

static void test_waiting(int dir)
{
	auto_arena a = ARENA_NONE;
	struct state_record r = { .cgroup = "", .cgroup_mount = "" };
	int go[2];
	char byte;
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) == 0);
	pid = start_waiting(dir, go[1]);
	CHECK(read(go[0], &byte, 1) == 1);
	CHECK(identify(pid, &a, &r, &e) == 0, "%s", e.text);
	/* More often than the backlog is long, and nobody accepts. */
	for (int i = 0; i < 10; i++)
		CHECK(status_of(dir, &r) == STATE_CREATED, "time %d", i);
	CHECK(write(go[0], "x", 1) == 1 && read(go[0], &byte, 1) == 1);
	CHECK(status_of(dir, &r) == STATE_RUNNING);
	CHECK(unlinkat(dir, "start.sock", 0) == 0);
	CHECK(status_of(dir, &r) == STATE_RUNNING);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(go[0]);
	close(go[1]);
}

/* The kernel's word in cgroup.events decides, on a directory that looks like a cgroup. */
static void test_paused(int dir)
{
	static const struct {
		const char *events;
		enum state_status want;
	} rows[] = {
		{ "populated 1\nfrozen 0\n", STATE_RUNNING },
		{ "populated 1\nfrozen 1\n", STATE_PAUSED },
		{ "populated 1\n", STATE_RUNNING },
		{ "", STATE_RUNNING },
	};
	auto_arena a = ARENA_NONE;
	struct state_record r = { .cgroup = "/web/x", .cgroup_mount = top };
	pid_t pid = start_sleeper(false);
	auto_fd int group = -1;
	char path[128];

	snprintf(path, sizeof(path), "mkdir -p %s/web/x", top);
	CHECK(system(path) == 0);
	snprintf(path, sizeof(path), "%s/web/x", top);
	group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(identify(pid, &a, &r, &e) == 0, "%s", e.text);
	CHECK(status_of(dir, &r) == STATE_RUNNING);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK(file_replace(group, "cgroup.events", rows[i].events,
				   strlen(rows[i].events)) == 0);
		CHECK(status_of(dir, &r) == rows[i].want, "row %zu", i);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(file_replace(group, "cgroup.events", "frozen 1\n", 9) == 0);
	CHECK(status_of(dir, &r) == STATE_STOPPED);
}

int main(void)
{
	auto_fd int dir = state_dir_make(top);

	test_process(dir);
	test_thread_id(dir);
	test_waiting(dir);
	test_paused(dir);
	CHECK_STR(state_status_word(STATE_CREATING), "creating");
	CHECK_STR(state_status_word(STATE_STOPPED), "stopped");
	state_dir_remove(top);
	return check_result();
}
