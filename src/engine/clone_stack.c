/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/clone_stack.h"

#include <errno.h>
#include <sys/syscall.h>

long clone_on_stack(struct clone_args *args, void (*run)(void *argument), void *argument)
{
	long result;

#if defined(__x86_64__)
	register void *r12 __asm__("r12") = argument;
	register void (*r13)(void *argument) __asm__("r13") = run;

	__asm__ volatile("syscall\n"
			 "	test %%rax, %%rax\n"
			 "	jnz 1f\n"
			 "	xor %%ebp, %%ebp\n"
			 "	mov %%r12, %%rdi\n"
			 "	call *%%r13\n"
			 "	ud2\n"
			 "1:\n"
			 : "=a"(result)
			 : "a"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)), "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register void *x19 __asm__("x19") = argument;
	register void (*x20)(void *argument) __asm__("x20") = run;

	__asm__ volatile("svc 0\n"
			 "	cbnz x0, 1f\n"
			 "	mov x29, #0\n"
			 "	mov x0, x19\n"
			 "	blr x20\n"
			 "	brk #1\n"
			 "1:\n"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x19), "r"(x20)
			 : "x30", "memory", "cc");
	result = x0;
#endif
	if (result < 0) {
		errno = (int)-result;
		result = -1;
	}
	return result;
}
