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

#include "trace.h"

static void report(long stops)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%ld\n", stops);

	if (write(3, line, (size_t)n) < 0 && errno != EBADF)
		perror("killat: fd 3");
}

int main(int argc, char **argv)
{
	long target, stops = 0;
	pid_t root;

	if (argc < 3) {
		fprintf(stderr, "usage: killat K COMMAND [ARG...]\n");
		return TRACE_MISTAKE;
	}
	target = strtol(argv[1], NULL, 10);
	root = trace_start("killat", argv + 2);
	for (;;) {
		int status, sig, event;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0) {
			if (errno == EINTR)
				continue;
			trace_fail("waitpid");
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
		} else if (event == PTRACE_EVENT_STOP && trace_is_stopping(sig)) {
			ptrace(PTRACE_LISTEN, pid, NULL, NULL);
			continue;
		} else if (event) {
			sig = 0;
		}
		/* ESRCH: killed meanwhile by somebody else. */
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)sig) && errno != ESRCH)
			trace_fail("syscall");
	}
}
