/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that the C library does not know: its own would take twenty system calls of ours. It
 * shares all memory, errno too, so it makes system calls only and touches nothing but what is here,
 * which stays where it is, because a thread that was given up may begin any time later.
 *
 * It sends the namespace itself, mostly: who waits for it then goes on on the thread's processor,
 * which has nothing else to do, and not on ours.
 */
#include "engine/network_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/thread.h"
#include "engine/clone_stack.h"
#include "orlop/auto.h"
#include "orlop/syscall.h"

enum { STACK_SIZE = 16 * 1024 };

enum state {
	IDLE,
	WANTED,			/* the thread has not begun */
	COMES,
	MADE,			/* or failed, and we have to send it */
	SENDS,			/* the thread will, or has */
	GIVEN_UP,		/* the thread ends when it begins */
};

static struct {
	int tid;		/* 0: there is none any more; the kernel says so */
	enum state state;
	cpu_set_t processors;	/* for the thread */
	int fd, error;		/* of the namespace */
	const char *what;	/* failed with error */
	int socket;		/* to which it is sent with these bytes */
	const void *bytes;
	size_t len;
} thread;

static _Alignas(16) char stack[STACK_SIZE];

static bool change(enum state from, enum state to)
{
	return __atomic_compare_exchange_n(&thread.state, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static void fail(const char *what, long error)
{
	thread.what = what;
	thread.error = (int)-error;
}

/*
 * A socket of the namespace names it (SIOCGSKNS, Linux 4.9) and brings its loopback up; unix sockets
 * are in every kernel, and both requests are the same for all families.
 */
static void make(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	long inside, error = SYS(unshare, CLONE_NEWNET);

	inside = error < 0 ? error : SYS(socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (inside < 0) {
		fail("new network namespace", inside);
		return;
	}
	thread.fd = (int)SYS(ioctl, inside, SIOCGSKNS, 0);
	if (thread.fd < 0)
		fail("new network namespace", thread.fd);
	else if ((error = SYS(ioctl, inside, SIOCSIFFLAGS, &lo)) < 0)
		fail("loopback interface", error);
	SYS(close, inside);
}

static void send_it(void)
{
	struct fd_message message;
	long error;

	if (thread.error)
		return;
	fd_message(&message, thread.bytes, thread.len, thread.fd);
	do
		error = SYS(sendmsg, thread.socket, &message.header, MSG_NOSIGNAL);
	while (error == -EINTR);
	if (error < 0)
		fail("send the network namespace to the child", error);
	SYS(close, thread.fd);
	thread.fd = -1;
}

/* On our processor it would have us wait, which is what it is there to spare us. */
static void run(void *nothing)
{
	(void)nothing;
	if (SYS(sched_setaffinity, 0, sizeof(thread.processors), &thread.processors) >= 0 &&
	    change(WANTED, COMES)) {
		make();
		if (!change(COMES, MADE))
			send_it();
	}
	SYS(exit, 0);
}

/*
 * Whether a processor other than ours has nothing to do, as far as the number of tasks that want to
 * run now, on the whole machine, can tell (proc_loadavg(5)): beside another task the thread might
 * have to wait for its turn in the middle, and we for it.
 */
static bool find_idle(cpu_set_t *ret)
{
	char text[128];		/* "0.20 0.18 0.12 1/80 11206": the 1 is we */
	auto_fd int file = -1;
	const char *slash;

	if (!thread_others(ret))
		return false;
	file = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	if (file < 0 || file_read_fd(file, text, sizeof(text)) < 0)
		return false;
	slash = strchr(text, '/');
	while (slash && slash > text && slash[-1] != ' ')
		slash--;
	return slash && strtol(slash, NULL, 10) <= CPU_COUNT(ret);
}

void network_ns_begin(void)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
		.parent_tid = (uint64_t)(uintptr_t)&thread.tid,
		.child_tid = (uint64_t)(uintptr_t)&thread.tid,
		.stack = (uint64_t)(uintptr_t)stack, .stack_size = sizeof(stack),
	};
	pid_t tid;

	if (__atomic_load_n(&thread.tid, __ATOMIC_ACQUIRE) || !find_idle(&thread.processors))
		return;
	thread.fd = -1;
	thread.error = 0;
	thread.state = WANTED;
	tid = (pid_t)clone_on_stack(&args, run, NULL);
	if (tid < 0)
		thread.state = IDLE;
	else
		sched_setaffinity(tid, sizeof(thread.processors), &thread.processors);
}

bool network_ns_comes(void)
{
	enum state now;

	change(WANTED, GIVEN_UP);
	now = __atomic_load_n(&thread.state, __ATOMIC_ACQUIRE);
	return now == COMES || now == MADE;
}

static void wait_for_end(void)
{
	int tid;

	while ((tid = __atomic_load_n(&thread.tid, __ATOMIC_ACQUIRE)) != 0)
		syscall(SYS_futex, &thread.tid, FUTEX_WAIT, tid, NULL, NULL, 0);
	thread.state = IDLE;
}

int network_ns_send(int socket, const void *bytes, size_t len, struct err *e)
{
	thread.socket = socket;
	thread.bytes = bytes;
	thread.len = len;
	if (!change(COMES, SENDS))
		send_it();
	wait_for_end();
	/* Who is gone by now has said why, or will be found dead. */
	if (!thread.error || thread.error == EPIPE || thread.error == ECONNRESET)
		return 0;
	err_sys_code(e, thread.error, "%s", thread.what);
	return thread.error == ENOSPC ? err_hint(e, "the limit on namespaces was reached: see "
						    "/proc/sys/user") : -1;
}

void network_ns_end(void)
{
	if (!network_ns_comes())
		return;
	wait_for_end();
	auto_close_fd(&thread.fd);
}
