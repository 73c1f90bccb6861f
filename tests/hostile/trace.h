/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tools that stop a command at its system calls have in common: its first process, traced
 * from before its first instruction, with everything that it starts.
 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

enum { TRACE_MISTAKE = 4 };		/* the exit status for one of the tool's own */

static const char *trace_tool = "trace";

_Noreturn static void trace_fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", trace_tool, what, strerror(errno));
	exit(TRACE_MISTAKE);
}

/* Traces a process that is there, and stops it. */
static void trace_seize(pid_t pid)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options))
		trace_fail("seize");
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		trace_fail("interrupt");
}

/* The command's first process; it waits until it is traced, and has no fd 3: that is the tool's. */
static pid_t trace_start(const char *tool, char **argv)
{
	int gate[2];
	pid_t pid;
	char go;

	trace_tool = tool;
	if (pipe(gate))
		trace_fail("pipe");
	pid = fork();
	if (pid < 0)
		trace_fail("fork");
	if (pid == 0) {
		close(gate[1]);
		close(3);
		if (read(gate[0], &go, 1) != 0)
			_exit(TRACE_MISTAKE);
		close(gate[0]);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(TRACE_MISTAKE);
	}
	close(gate[0]);
	trace_seize(pid);
	close(gate[1]);
	return pid;
}

/* Whether a stop with this signal is one of job control, that PTRACE_LISTEN keeps. */
static bool trace_is_stopping(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}
