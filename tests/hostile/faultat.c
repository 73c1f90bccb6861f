/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command under ptrace and makes its K-th system call fail, counted over that process and
 * everything of the runtime that it starts. Usage: faultat K ERROR[+] PID COMMAND [ARG...]
 *
 * ERROR is a number. With a plus the same call of the same process fails from then on, as it does
 * when memory or a disk is full. PID is one more process to count, a waiting container's, or 0.
 * Calls that cannot fail are not counted; close fails as the kernel's does, with the descriptor
 * gone. Programs of hooks and containers are let go as soon as they are executed: what they do is
 * theirs. With K 0 nothing fails.
 *
 * Says on fd 3 how many calls there were and, when one was made to fail, "NAME CALL ARGUMENT", with
 * the process's name, the call's number and its first argument. The exit status is the command's,
 * or 128 and its signal.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace.h"

#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif

enum { ENTRY = 1, EXIT = 2 };

/* What PTRACE_GET_SYSCALL_INFO gives, as far as it is used; the headers disagree on its name. */
struct call {
	uint8_t op;
	uint8_t pad[3];
	uint32_t arch;
	uint64_t ip, sp;
	uint64_t nr;
	uint64_t args[6];
};

/* The fault: which call, what it gives, and where it is under way. */
static struct {
	long target, calls;
	int error;
	bool again;		/* from then on, not once */
	pid_t in;		/* the process in whose failing call we are, or 0 */
	pid_t victim;
	long nr;
	char runtime[PATH_MAX];
	char said[160];
} fault;

static void report(void)
{
	dprintf(3, "%ld\n%s\n", fault.calls, fault.said);
}

static bool can_fail(long nr)
{
	static const long never[] = {
		SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_restart_syscall, SYS_getpid, SYS_getppid,
		SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_munmap, SYS_umask,
		SYS_brk, SYS_set_tid_address, SYS_set_robust_list, SYS_sched_yield,
#ifdef SYS_arch_prctl
		SYS_arch_prctl,
#endif
#ifdef SYS_rseq
		SYS_rseq,
#endif
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (nr == never[i])
			return false;
	return nr >= 0;
}

static void cancel_call(pid_t pid)
{
#if defined(__x86_64__)
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1L))
		trace_fail("cancel");
#elif defined(__aarch64__)
	int none = -1;
	struct iovec v = { &none, sizeof(none) };

	if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &v))
		trace_fail("cancel");
#else
#error "faultat does not know the registers of this machine"
#endif
}

static void set_result(pid_t pid, long value)
{
#if defined(__x86_64__)
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), value))
		trace_fail("result");
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec v = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v))
		trace_fail("registers");
	regs.regs[0] = (unsigned long)value;
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v))
		trace_fail("result");
#endif
}

static void name_of(pid_t pid, char *name, int size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(name, size, file))
		snprintf(name, (size_t)size, "?");
	if (file)
		fclose(file);
	name[strcspn(name, "\n ")] = 0;
}

/* The runtime itself or its child program; everybody else is none of our business. */
static bool is_ours(pid_t pid)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = 0;
	return strcmp(path, fault.runtime) == 0 || strncmp(path, "/memfd:", 7) == 0;
}

/* Whether this call is the one, or one of those, to fail; close is let through. */
static void at_entry(pid_t pid, const struct call *call)
{
	long nr = (long)call->nr;
	bool now;

	if (!is_ours(pid) || !can_fail(nr))
		return;
	now = ++fault.calls == fault.target;
	if (now) {
		char name[32];

		name_of(pid, name, sizeof(name));
		snprintf(fault.said, sizeof(fault.said), "%s %ld %lld", name, nr,
			 (long long)call->args[0]);
		fault.victim = pid;
		fault.nr = nr;
	} else if (!fault.again || pid != fault.victim || nr != fault.nr) {
		return;
	}
	fault.in = pid;
	if (nr != SYS_close)
		cancel_call(pid);
}

/* True when this process need not be traced any more. */
static bool at_call(pid_t pid)
{
	struct call call = { 0 };
	bool failed = false;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(call), &call) < 0)
		return false;
	if (call.op == ENTRY) {
		at_entry(pid, &call);
	} else if (call.op == EXIT && fault.in == pid) {
		set_result(pid, -fault.error);
		fault.in = 0;
		failed = true;
	}
	return failed && !fault.again;
}

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What one stop of a process asks for; gives the request to go on with. */
static int at_stop(pid_t pid, int status, int *sig)
{
	int event = status >> 16;
	bool over = fault.target && fault.calls >= fault.target && !fault.in && !fault.again;

	*sig = WSTOPSIG(status);
	if (*sig == (SIGTRAP | 0x80)) {
		*sig = 0;
		return at_call(pid) || over ? PTRACE_DETACH : PTRACE_SYSCALL;
	}
	if (event == PTRACE_EVENT_STOP && trace_is_stopping(*sig)) {
		*sig = 0;
		return over ? PTRACE_DETACH : PTRACE_LISTEN;
	}
	if (event)
		*sig = 0;
	if (event == PTRACE_EVENT_EXEC && !is_ours(pid))
		return PTRACE_DETACH;
	return over ? PTRACE_DETACH : PTRACE_SYSCALL;
}

int main(int argc, char **argv)
{
	char *end;
	pid_t root, other;

	if (argc < 5) {
		fprintf(stderr, "usage: faultat K ERROR[+] PID COMMAND [ARG...]\n");
		return TRACE_MISTAKE;
	}
	fault.target = strtol(argv[1], NULL, 10);
	fault.error = (int)strtol(argv[2], &end, 10);
	fault.again = *end == '+';
	other = (pid_t)strtol(argv[3], NULL, 10);
	if (!realpath(argv[4], fault.runtime))
		trace_fail(argv[4]);
	root = trace_start("faultat", argv + 4);
	if (other)
		trace_seize(other);
	for (;;) {
		int status, sig, request;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0) {
			if (errno == EINTR)
				continue;
			trace_fail("waitpid");
		}
		if (!WIFSTOPPED(status)) {
			if (pid == fault.in)
				fault.in = 0;
			if (pid != root)
				continue;
			report();
			return status_of(status);
		}
		request = at_stop(pid, status, &sig);
		/* ESRCH: killed meanwhile by somebody else. */
		if (ptrace(request, pid, NULL, (void *)(long)sig) && errno != ESRCH)
			trace_fail("go on");
	}
}
