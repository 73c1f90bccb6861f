/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least a program needs to run with no C library: an entry point that
 * hands argc, argv and envp to bare_main(), and system calls by number. The
 * benchmark's floor and the programs inside its containers are built on it, so
 * that what is timed is the kernel and not the start of a library.
 *
 * With BARE_WITH_LIBC the same program is started by the C library instead, to
 * show what that start costs (on a virtual machine mostly CPUID, which traps).
 *
 * It knows nothing of containers. One per program: it defines _start or main.
 */
#pragma once

#include "../../include/orlop/syscall.h"

/* True afterwards: the result is the kernel's, a negative errno included. */
static inline long bare_call(long nr, long a, long b, long c, long d, long e)
{
	return sys6(nr, a, b, c, d, e, 0);
}

/* The program; what it returns is the exit status. */
int bare_main(long argc, char **argv, char **envp);

#ifdef BARE_WITH_LIBC

int main(int argc, char **argv, char **envp)
{
	return bare_main(argc, argv, envp);
}

#else

/* The stack as the kernel left it: argc, argv[], NULL, envp[], NULL, auxv. */
__attribute__((used, noreturn)) static void bare_entry(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1);

	bare_call(__NR_exit_group, bare_main(argc, argv, argv + argc + 1), 0, 0, 0, 0);
	__builtin_unreachable();
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n"
	"\tcall bare_entry\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tb bare_entry\n");
#endif

#endif
