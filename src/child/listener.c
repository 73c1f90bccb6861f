/* SPDX-License-Identifier: Apache-2.0 */
#include "child/listener.h"

#include <linux/sched.h>
#include <linux/time_types.h>

#include "child/bytes.h"

enum { STACK_SIZE = 16 * 1024, NO_ANSWER = 1 };

static _Alignas(16) char stack[STACK_SIZE];
static volatile int handed = -1;		/* the descriptor, once there is one */
static volatile int answer = NO_ANSWER;		/* 0 or a negative error */

__attribute__((used)) static void send_listener(struct child *c)
{
	struct __kernel_timespec moment = { .tv_nsec = 20 * 1000 };
	int word;

	while (handed < 0)
		SYS(nanosleep, &moment, NULL);
	word = child_send(c, CHILD_LISTENER, CHILD_STEP_SECCOMP, handed);
	if (word >= 0)
		word = child_receive(c, NULL);
	answer = word == PARENT_GO ? 0 : word < 0 ? word : -CHILD_E_PROTOCOL;
	for (;;)
		SYS(exit, 0);
}

static long spawn_thread(struct child *c)
{
	unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			      CLONE_SYSVSEM;
	char *top = stack + STACK_SIZE;
	long result;

#if defined(__x86_64__)
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	register struct child *r12 __asm__("r12") = c;

	__asm__ volatile("syscall\n"
			 "	test %%rax, %%rax\n"
			 "	jnz 1f\n"
			 "	xor %%ebp, %%ebp\n"
			 "	mov %%r12, %%rdi\n"
			 "	call send_listener\n"
			 "1:\n"
			 : "=a"(result)
			 : "a"((long)__NR_clone), "D"(flags), "S"(top), "d"(0L), "r"(r10), "r"(r8),
			   "r"(r12)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = __NR_clone;
	register long x0 __asm__("x0") = (long)flags;
	register char *x1 __asm__("x1") = top;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	register struct child *x19 __asm__("x19") = c;

	__asm__ volatile("svc 0\n"
			 "	cbnz x0, 1f\n"
			 "	mov x29, #0\n"
			 "	mov x0, x19\n"
			 "	bl send_listener\n"
			 "1:\n"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x19)
			 : "x30", "memory", "cc");
	result = x0;
#endif
	return result;
}

int listener_prepare(struct child *c)
{
	long thread = spawn_thread(c);

	return thread < 0 ? (int)thread : 0;
}

int listener_hand_over(struct child *c, int fd)
{
	(void)c;
	handed = fd;
	while (answer == NO_ANSWER)
#if defined(__x86_64__)
		__asm__ volatile("pause" ::: "memory");
#else
		__asm__ volatile("yield" ::: "memory");
#endif
	return answer;
}
