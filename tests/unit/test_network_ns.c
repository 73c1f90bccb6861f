/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network namespace that is made by a thread: another one than ours, with its loopback up; the
 * thread is elsewhere, hears no signals, and leaves nothing, whether its work is taken or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "check.h"
#include "engine/network_ns.h"
#include "orlop/auto.h"

enum { SKIPPED = 77 };

struct seen {
	int processor;
	sigset_t blocked;
};

static void *look(void *argument)
{
	struct seen *seen = argument;

	seen->processor = sched_getcpu();
	pthread_sigmask(SIG_BLOCK, NULL, &seen->blocked);
	return NULL;
}

static void test_thread(const cpu_set_t *others)
{
	struct seen seen = { -1 };
	sigset_t before, after;
	pthread_t thread;

	sigprocmask(SIG_BLOCK, NULL, &before);
	CHECK(thread_start(&thread, look, &seen, others));
	pthread_join(thread, NULL);
	sigprocmask(SIG_BLOCK, NULL, &after);
	CHECK(CPU_ISSET((size_t)seen.processor, others), "it was on %d", seen.processor);
	CHECK(sigismember(&seen.blocked, SIGTERM) && sigismember(&seen.blocked, SIGCHLD));
	CHECK(sigismember(&before, SIGTERM) == sigismember(&after, SIGTERM));
}

static void test_idle(void)
{
	cpu_set_t none, more;

	CPU_ZERO(&none);
	CHECK(!thread_finds_idle(&none), "one runs at least: who asks");
	memset(&more, 0xff, sizeof(more));
	CHECK(thread_finds_idle(&more), "not a thousand want to run");
}

static bool loopback_is_up(int ns)
{
	struct ifreq lo = { .ifr_name = "lo" };
	int status = -1, fd;
	pid_t pid = fork();

	if (pid == 0) {
		if (setns(ns, CLONE_NEWNET) < 0)
			_exit(1);
		fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		_exit(ioctl(fd, SIOCGIFFLAGS, &lo) < 0 || !(lo.ifr_flags & IFF_UP));
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static int open_count(void)
{
	int count = 0;

	for (int fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void test_made(void)
{
	struct network_ns n = NETWORK_NS_NONE;
	struct stat ours, new;
	struct err e;
	int before = open_count();

	network_ns_begin(&n);
	/* Elsewhere something may run just now. */
	for (int tries = 0; !n.begun && tries < 200; tries++) {
		usleep(10 * 1000);
		network_ns_begin(&n);
	}
	CHECK(n.begun, "no processor was idle for two seconds");
	if (!n.begun)
		return;
	{
		auto_fd int fd = network_ns_take(&n, &e);

		CHECK(fd >= 0, "%s", e.text);
		CHECK(ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET && fcntl(fd, F_GETFD) == FD_CLOEXEC);
		CHECK(stat("/proc/self/ns/net", &ours) == 0 && fstat(fd, &new) == 0);
		CHECK(ours.st_ino != new.st_ino);
		CHECK(network_ns_finish(&n, &e) == 0, "%s", e.text);
		CHECK(loopback_is_up(fd));
	}
	network_ns_end(&n);
	CHECK(open_count() == before);
}

/* Whoever needs it no more leaves nothing. */
static void test_given_up(void)
{
	struct network_ns n = NETWORK_NS_NONE;
	int before = open_count();

	network_ns_end(&n);
	for (int tries = 0; tries < 20; tries++) {
		network_ns_begin(&n);
		network_ns_end(&n);
	}
	CHECK(open_count() == before && !n.begun);
}

int main(void)
{
	cpu_set_t others;

	test_idle();
	if (geteuid() != 0 || !thread_others(&others)) {
		fputs("skipped: needs root and a second processor\n", stderr);
		return SKIPPED;
	}
	test_thread(&others);
	test_made();
	test_given_up();
	return check_result();
}
