/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Between clone3 and execveat the new process shares our memory while we wait, so it
 * touches only what is below: no library call that could allocate, no handler of ours (they are
 * cleared), and the error comes back in a plain variable.
 */
#include "engine/clone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "engine/clone_stack.h"
#include "orlop/auto.h"

enum { STACK_SIZE = 32 * 1024, FDS_MAX = 16 };

struct job {
	const struct clone_request *r;
	int image, fds[FDS_MAX];
	int alive;		/* says so there, when the memory is not shared; or -1 */
	int procs;		/* cgroup.procs of the group to go to; -1: it was born there */
	volatile bool began;
	int error;
};

static bool wait_for_word(int socket)
{
	char message[512];

	return recv(socket, message, sizeof(message), 0) > 0;
}

/* The system calls themselves: glibc's would tell threads that are not there about it. */
static bool become_root(void)
{
	/* EINVAL: the maps have no id 0; the program may do without. */
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 && errno != EINVAL)
		return false;
	return syscall(SYS_setresuid, 0, 0, 0) == 0 || errno == EINVAL;
}

/* Returns when something went wrong. */
static void execute(struct job *job)
{
	const struct clone_request *r = job->r;
	static char *const no_environment[] = { NULL };

	if (job->alive >= 0 && write(job->alive, "", 1) != 1)
		return;
	if (job->procs >= 0 && write(job->procs, "0", 1) != 1)
		return;
	if (r->waits && !wait_for_word(job->fds[0]))
		return;
	if (r->becomes_root && !become_root())
		return;
	for (int fd = 3; fd < r->fd_base; fd++)		/* the preserved ones */
		if (fcntl(fd, F_SETFD, 0) < 0)
			return;
	for (size_t n = 0; n < r->fd_count; n++)
		if (dup3(job->fds[n], r->fd_base + (int)n, 0) < 0)
			return;
	syscall(SYS_execveat, job->image, "", r->argv, no_environment, AT_EMPTY_PATH);
}

static void run_job(void *argument)
{
	struct job *job = argument;

	job->began = true;
	execute(job);
	job->error = errno;
	_exit(127);
}

/* A descriptor among the targets would be overwritten before its turn: it is used from above. */
static int above_targets(const struct clone_request *r, int fd, int *moved, size_t *moved_count)
{
	int end = r->fd_base + (int)r->fd_count;

	if (fd < r->fd_base || fd >= end)
		return fd;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, end);
	if (fd >= 0)
		moved[(*moved_count)++] = fd;
	return fd;
}

static int prepare(struct job *job, int *moved, size_t *moved_count)
{
	const struct clone_request *r = job->r;

	for (size_t n = 0; n < r->fd_count; n++) {
		job->fds[n] = above_targets(r, r->fds[n], moved, moved_count);
		if (job->fds[n] < 0)
			return -1;
	}
	job->image = above_targets(r, r->image, moved, moved_count);
	return job->image < 0 ? -1 : 0;
}

/* Whether the process came to its first line; `alive` is where it says so, or -1. */
static bool has_begun(const struct job *job, int alive)
{
	char byte;

	return alive < 0 ? job->began : read(alive, &byte, 1) == 1;
}

/*
 * Linux 6.14 and newer compare how often cgroup.kill was used on the group that a process is born
 * into with how often on the group of whoever makes it, and kill it at birth when these differ.
 * Then it is made in our group, and goes to the other one before it does anything else.
 */
static long clone_and_move(struct clone_args *args, struct job *job)
{
	auto_fd int procs = openat(job->r->cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (procs < 0)
		return -1;
	job->procs = procs;
	job->alive = -1;
	args->flags &= ~(uint64_t)CLONE_INTO_CGROUP;
	args->cgroup = 0;
	return clone_on_stack(args, run_job, job);
}

/* Clones; *pidfd is where args->pidfd points to. */
static long clone_job(struct clone_args *args, struct job *job, int *pidfd)
{
	auto_fd int heard = -1, said = -1;
	int ends[2];
	siginfo_t end;
	long pid;

	if (job->r->cgroup < 0)
		return clone_on_stack(args, run_job, job);
	if (!(args->flags & CLONE_VM)) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -1;
		heard = ends[0];
		said = job->alive = ends[1];
	}
	pid = clone_on_stack(args, run_job, job);
	auto_close_fd(&said);
	if (pid < 0 || has_begun(job, heard))
		return pid;
	if (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) < 0 || end.si_code != CLD_KILLED ||
	    end.si_status != SIGKILL)
		return pid;
	waitpid((pid_t)pid, NULL, 0);
	auto_close_fd(pidfd);
	return clone_and_move(args, job);
}

pid_t clone_program(const struct clone_request *r, int *ret_pidfd)
{
	static _Alignas(16) char stack[STACK_SIZE];
	struct job job = { .r = r, .alive = -1, .procs = -1 };
	int moved[FDS_MAX + 1], pidfd = -1, keep;
	size_t moved_count = 0;
	struct clone_args args = {
		.flags = r->flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND |
			 (r->waits ? 0 : CLONE_VM | CLONE_VFORK) |
			 (r->cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = sizeof(stack),
		.cgroup = r->cgroup >= 0 ? (uint64_t)r->cgroup : 0,
	};
	long pid;

	if (r->fd_count > FDS_MAX) {
		errno = EMFILE;
		return -1;
	}
	pid = prepare(&job, moved, &moved_count) < 0 ? -1 : clone_job(&args, &job, &pidfd);
	keep = errno;
	while (moved_count > 0)
		close(moved[--moved_count]);
	errno = keep;
	if (pid > 0 && job.error) {
		waitpid((pid_t)pid, NULL, 0);
		close(pidfd);
		errno = job.error;
		return -1;
	}
	if (pid > 0)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}
