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

/* The new process: the state on one side, what it says on the other, and nothing else. */
_Noreturn static void become_hook(const char *path, const char *const *argv,
				  const char *const *env, int in, int out)
{
	SYS(setsid);
	SYS(dup3, in, 0, 0);
	SYS(dup3, out, 1, 0);
	SYS(dup3, out, 2, 0);
	sys_close_from(3);
	SYS(execve, path, argv, env);
	sys_exit(127);
}

/* The state document, in pieces; a hook that does not read it is no error. */
static void feed(int out, const char *head, const char *tail)
{
	char pid[21];
	const char *parts[] = { head, pid, tail };

	bytes_decimal(pid, (uint64_t)SYS(getpid));
	for (int n = 0; n < 3; n++) {
		const char *p = parts[n];
		size_t left = strlen(p);

		while (left) {
			long done = SYS(write, out, p, left);

			if (done < 0)
				return;
			p += done;
			left -= (size_t)done;
		}
	}
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
 * Waits for the end, at most `seconds` (0: without limit), while reading what the hook says, and
 * reaps. A process that the hook leaves behind may hold its output open; nobody waits for that.
 */
static int wait_for(struct child *c, int pidfd, long pid, int out, int seconds)
{
	struct pollfd waits[2] = { { .fd = pidfd, .events = POLLIN },
				   { .fd = out, .events = POLLIN } };
	struct timespec limit = { .tv_sec = seconds };
	siginfo_t info = { 0 };
	long n;

	/* The kernel leaves in `limit` what is left of it. */
	while ((n = SYS(ppoll, waits, 2, seconds ? &limit : NULL, NULL, 8)) > 0 ||
	       n == -EINTR) {
		if (n > 0 && waits[1].revents && !hear(c, out))
			waits[1].fd = -1;
		if (n > 0 && waits[0].revents)
			break;
	}
	if (n == 0)
		SYS(kill, -pid, SIGKILL);
	SYS(waitid, P_PIDFD, pidfd, &info, WEXITED, NULL);
	if (n == 0)
		return -CHILD_E_HOOK_TIMEOUT;
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
	int pidfd = -1, error, in[2], out[2];
	long pid;

	if (!argv || !env)
		return -ENOMEM;
	child_detail(c, path);
	c->detail[strlen(path) < CHILD_DETAIL - 3 ? strlen(path) : CHILD_DETAIL - 3] = '\0';
	memcpy(c->detail + strlen(c->detail), ": ", 3);
	pid = SYS(pipe2, in, O_CLOEXEC);
	if (pid >= 0)
		pid = SYS(pipe2, out, O_CLOEXEC | O_NONBLOCK);
	if (pid < 0)
		return (int)pid;
	/* Not clone3: the filter is in force at the start hooks, and cannot see its flags. */
	pid = SYS(clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
	if (pid == 0)
		become_hook(path, hook->args.count ? argv : alone, env, in[0], out[1]);
	sys_close(in[0]);
	sys_close(out[1]);
	if (pid > 0)
		feed(in[1], head, tail);
	sys_close(in[1]);
	error = pid < 0 ? (int)pid : wait_for(c, pidfd, pid, out[0], hook->timeout);
	sys_close(out[0]);
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
	sys_signal(SIGPIPE, SYS_IGNORE);
	for (uint32_t n = 0; n < hooks.count && error >= 0; n++) {
		c->item = (int)n;
		error = run_one(c, &items[n], head, tail, environment);
	}
	sys_signal(SIGPIPE, SYS_DEFAULT);
	return error;
}
