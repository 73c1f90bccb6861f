/* SPDX-License-Identifier: Apache-2.0 */
#include "child/hook.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "child/bytes.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* Strings of a list as an array that ends with NULL, in pages of its own; NULL without memory. */
static const char **string_array(struct child *c, struct child_list list)
{
	size_t size = (list.count + 1) * sizeof(char *);
	long at = SYS(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const char **strings = (const char **)at;

	if (at < 0 && at > -4096)
		return NULL;
	for (uint32_t n = 0; n < list.count; n++)
		strings[n] = child_item_string(c, list, n);
	return strings;
}

/* The ends that a hook has of its pipes: its input, what it says, and why it did not run. */
struct hook_ends {
	int in, out, why;
};

/* The new process: the state on one side, what it says on the other, and nothing else. */
_Noreturn static void become_hook(const char *path, const char *const *argv,
				  const char *const *env, const struct hook_ends *ends)
{
	long error;

	SYS(setsid);
	error = SYS(dup3, ends->in, 0, 0);
	if (error >= 0)
		error = SYS(dup3, ends->out, 1, 0);
	if (error >= 0)
		error = SYS(dup3, ends->out, 2, 0);
	if (error >= 0 && ends->why != 3)
		error = SYS(dup3, ends->why, 3, O_CLOEXEC);
	if (error >= 0)
		error = SYS(close_range, 4, ~0U, 0);
	if (error >= 0)			/* what is ignored would stay so over execve */
		error = sys_signal(SIGPIPE, SYS_DEFAULT);
	if (error >= 0)
		error = SYS(execve, path, argv, env);
	SYS(write, error == -EBADF ? ends->why : 3, &error, sizeof(error));
	sys_exit(127);
}

/* The state document, in the pieces that it is made of. */
struct feed {
	int out;			/* does not block; -1 when there is no more to say */
	unsigned part;
	const char *parts[3];
};

/* As much as the pipe takes; a hook that does not read it is no error. */
static void feed_on(struct feed *f)
{
	while (f->part < 3) {
		size_t left = strlen(f->parts[f->part]);
		long done = left ? SYS(write, f->out, f->parts[f->part], left) : 0;

		if (done == -EAGAIN || done == -EINTR)
			return;
		if (done < 0)
			break;
		f->parts[f->part] += done;
		f->part += (size_t)done == left;
	}
	sys_close(f->out);
	f->out = -1;
}

/* Keeps the beginning of what the hook says, behind its path; false when it says no more. */
static bool hear(struct child *c, int out)
{
	char bytes[512];
	long n = SYS(read, out, bytes, sizeof(bytes));
	size_t len = strlen(c->detail);

	if (n <= 0)
		return false;
	for (long i = 0; i < n && len < sizeof(c->detail) - 1; i++)
		c->detail[len++] = bytes[i] == '\n' ? ' ' : bytes[i];
	c->detail[len] = '\0';
	return true;
}

/*
 * Waits for the end, at most `seconds` (0: without limit), while saying the state and reading what
 * the hook says, and reaps. A process that the hook leaves behind may hold its output open; nobody
 * waits for that.
 */
static int wait_for(struct child *c, int pidfd, long pid, int out, struct feed *state,
		    int seconds)
{
	struct pollfd waits[3] = { { .fd = pidfd, .events = POLLIN },
				   { .fd = out, .events = POLLIN },
				   { .fd = state->out, .events = POLLOUT } };
	struct timespec limit = { .tv_sec = seconds };
	siginfo_t info = { 0 };
	long n, ended;

	/* The kernel leaves in `limit` what is left of it. */
	while ((n = SYS(ppoll, waits, 3, seconds ? &limit : NULL, NULL, 8)) > 0 ||
	       n == -EINTR) {
		if (n > 0 && waits[1].revents && !hear(c, out))
			waits[1].fd = -1;
		if (n > 0 && waits[2].revents)
			feed_on(state);
		waits[2].fd = state->out;
		if (n > 0 && waits[0].revents)
			break;
	}
	if (n <= 0) {
		SYS(kill, -pid, SIGKILL);
		SYS(pidfd_send_signal, pidfd, SIGKILL, NULL, 0);	/* without a group yet */
	}
	do
		ended = SYS(waitid, P_PIDFD, pidfd, &info, WEXITED, NULL);
	while (ended == -EINTR);
	if (n == 0)
		return -CHILD_E_HOOK_TIMEOUT;
	if (n < 0 || ended < 0)
		return (int)(n < 0 ? n : ended);
	while (waits[1].fd >= 0 && hear(c, out))
		;
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	c->value = (uint64_t)(info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status);
	return -CHILD_E_HOOK_STATUS;
}

static int run_one(struct child *c, const struct child_hook *hook, const char *head,
		   const char *tail, const char *const *environment)
{
	const char *path = child_string(c, hook->path);
	const char **argv = string_array(c, hook->args);
	const char *const *env = hook->env.count || !environment
					 ? (const char *const *)string_array(c, hook->env)
					 : environment;
	const char *alone[2] = { path, NULL };
	int pidfd = -1, error, in[2], out[2], why[2];
	char own_pid[21];
	struct feed state = { .parts = { head, own_pid, tail } };
	long pid, reason;

	if (!argv || !env)
		return -ENOMEM;
	child_detail(c, path);
	c->detail[strlen(path) < CHILD_DETAIL - 3 ? strlen(path) : CHILD_DETAIL - 3] = '\0';
	memcpy(c->detail + strlen(c->detail), ": ", 3);
	bytes_decimal(own_pid, (uint64_t)SYS(getpid));
	pid = SYS(pipe2, in, O_CLOEXEC);
	if (pid >= 0)
		pid = SYS(fcntl, in[1], F_SETFL, O_NONBLOCK);
	if (pid >= 0)
		pid = SYS(pipe2, out, O_CLOEXEC | O_NONBLOCK);
	if (pid >= 0)
		pid = SYS(pipe2, why, O_CLOEXEC);
	if (pid < 0)
		return (int)pid;
	/* Not clone3: the filter is in force at the start hooks, and cannot see its flags. */
	pid = SYS(clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
	if (pid == 0)
		become_hook(path, hook->args.count ? argv : alone, env,
			    &(struct hook_ends){ in[0], out[1], why[1] });
	sys_close(in[0]);
	sys_close(out[1]);
	sys_close(why[1]);
	state.out = in[1];
	error = pid < 0 ? (int)pid : wait_for(c, pidfd, pid, out[0], &state, hook->timeout);
	/* Its end of `why` closed itself at exec: nothing is there, unless exec was refused. */
	if (error < 0 && SYS(read, why[0], &reason, sizeof(reason)) == sizeof(reason) &&
	    reason < 0)
		error = (int)reason;
	sys_close(why[0]);
	sys_close(out[0]);
	if (state.out >= 0)
		sys_close(state.out);
	if (pidfd >= 0)
		sys_close(pidfd);
	return error;
}

int hooks_run(struct child *c, struct child_list hooks, const char *head, const char *tail,
	      const char *const *environment)
{
	const struct child_hook *items = child_items(c, hooks);
	int error = 0;

	if (!hooks.count)
		return 0;
	error = sys_signal(SIGPIPE, SYS_IGNORE);
	for (uint32_t n = 0; n < hooks.count && error >= 0; n++) {
		c->item = (int)n;
		error = run_one(c, &items[n], head, tail, environment);
	}
	return error < 0 ? error : sys_signal(SIGPIPE, SYS_DEFAULT);
}
