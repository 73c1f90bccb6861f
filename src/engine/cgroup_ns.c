/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "orlop/auto.h"

/* The kernel's number for the namespace that it starts with (PROC_CGROUP_INIT_INO). */
static const ino_t first_namespace = 0xEFFFFFFB;

/* A namespace's root is where its maker is: so this process is born at the top, and makes it. */
static _Noreturn void make_it(int told)
{
	char done = unshare(CLONE_NEWCGROUP) == 0 ? 0 : (char)errno;

	if (write(told, &done, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int open_of(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/cgroup", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int take_from(pid_t pid, int hears, struct err *e)
{
	char done;
	int fd;

	if (read(hears, &done, 1) != 1)
		return err_set(e, ERR_SYSTEM, "cgroup namespace for criu: its maker died");
	if (done)
		return err_sys_code(e, done, "cgroup namespace for criu");
	fd = open_of(pid);
	return fd < 0 ? err_sys(e, "cgroup namespace for criu") : fd;
}

int cgroup_ns_twin(const char *mount, struct err *e)
{
	auto_fd int top = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct clone_args args = { .exit_signal = SIGCHLD };
	struct stat st;
	int ends[2], fd;
	pid_t pid;

	if (stat("/proc/self/ns/cgroup", &st) < 0 || top < 0)
		return err_sys(e, "%s", top < 0 ? mount : "/proc/self/ns/cgroup");
	if (st.st_ino != first_namespace)
		return CGROUP_NS_NONE;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	auto_fd int hears = ends[0], tells = ends[1];

	args.flags = CLONE_INTO_CGROUP;
	args.cgroup = (uint64_t)top;
	pid = sys_clone3(&args);
	if (pid < 0)
		return err_sys(e, "process at the top of %s", mount);
	if (pid == 0)
		make_it(tells);
	auto_close_fd(&tells);
	fd = take_from(pid, hears, e);
	kill(pid, SIGKILL);		/* ours and not reaped: the number is its */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}
