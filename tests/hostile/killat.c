/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command under ptrace and ends its first process by SIGKILL at the K-th system call stop,
 * counted over that process and everything it starts. Usage: killat K COMMAND [ARG...]
 *
 * Whoever else is traced at that moment is let go as it is, as if nobody had been watching. With K
 * 0 nothing is killed. Says on fd 3 how many stops there were; exit status 0 means killed at K,
 * 3 that the command ended before, 4 a mistake of this tool.
 *
 * strace can inject a signal at the n-th call of one process; it cannot count over all of them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static void report(long stops)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%ld\n", stops);

	if (write(3, line, (size_t)n) < 0 && errno != EBADF)
		perror("killat: fd 3");
}

static void fail(const char *what)
{
	fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
	exit(4);
}

/* The first process, waiting until it is traced. */
static pid_t start(char **argv)
{
	int gate[2];
	pid_t pid;
	char go;

	if (pipe(gate))
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		close(gate[1]);
		close(3);
		if (read(gate[0], &go, 1) != 0)
			_exit(4);
		close(gate[0]);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(4);
	}
	close(gate[0]);
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
						     PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
						     PTRACE_O_TRACEEXEC)))
		fail("seize");
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		fail("interrupt");
	close(gate[1]);
	return pid;
}

static int is_stopping(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

int main(int argc, char **argv)
{
	long target, stops = 0;
	pid_t root;

	if (argc < 3) {
		fprintf(stderr, "usage: killat K COMMAND [ARG...]\n");
		return 4;
	}
	target = strtol(argv[1], NULL, 10);
	root = start(argv + 2);
	for (;;) {
		int status, sig, event;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0) {
			if (errno == EINTR)
				continue;
			fail("waitpid");
		}
		if (!WIFSTOPPED(status)) {
			if (pid != root)
				continue;
			report(stops);
			return 3;
		}
		sig = WSTOPSIG(status);
		event = status >> 16;
		if (sig == (SIGTRAP | 0x80)) {
			sig = 0;
			if (++stops == target) {
				kill(root, SIGKILL);
				/* Its other threads have to be taken first: wait for all. */
				while ((pid = waitpid(-1, &status, __WALL)) > 0 &&
				       (pid != root || WIFSTOPPED(status)))
					;
				report(stops);
				return 0;
			}
		} else if (event == PTRACE_EVENT_STOP && is_stopping(sig)) {
			ptrace(PTRACE_LISTEN, pid, NULL, NULL);
			continue;
		} else if (event) {
			sig = 0;
		}
		/* ESRCH: killed meanwhile by somebody else. */
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)sig) && errno != ESRCH)
			fail("syscall");
	}
}
