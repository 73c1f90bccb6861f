/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network namespace that is made on another processor: another one than ours, with its loopback
 * up; nothing is left of it, whether it is sent or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "check.h"
#include "engine/network_ns.h"
#include "orlop/auto.h"

enum { SKIPPED = 77 };

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

static const char *load;

/* In place of what /proc/loadavg says. */
ssize_t __wrap_file_read_fd(int fd, char *bytes, size_t size);
ssize_t __wrap_file_read_fd(int fd, char *bytes, size_t size)
{
	(void)fd;
	return snprintf(bytes, size, "0.57 0.36 0.18 %s 7003", load);
}

/* Busy processors come to it sooner or later; `late`: when it is there. */
static bool begin(bool late)
{
	load = "1/85";
	for (int tries = 0; tries < 20000; tries++) {
		network_ns_begin();
		usleep(late ? 10 * 1000 : 50);
		if (network_ns_comes())
			return true;
	}
	return false;
}

/* Where others keep the processors busy nothing is begun. */
static void test_busy(void)
{
	load = "1000/1085";
	network_ns_begin();
	usleep(10 * 1000);
	CHECK(!network_ns_comes());
	load = "1 85";
	network_ns_begin();
	CHECK(!network_ns_comes(), "what is not understood is not believed");
	network_ns_end();
}

/* The descriptor that arrives with a byte, or -1. */
static int receive(int socket)
{
	char byte = 0;
	int fd;

	return fd_receive(socket, &byte, 1, 0, &fd) == 1 && byte == 'N' ? fd : -1;
}

static void check_sent(bool late)
{
	struct stat ours, new;
	struct err e = { 0 };
	int before = open_count(), ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	CHECK(begin(late), "no other processor came to it");
	CHECK(network_ns_send(ends[0], "N", 1, &e) == 0, "%s", e.text);
	CHECK(!network_ns_comes(), "it was sent");
	{
		auto_fd int fd = receive(ends[1]);

		CHECK(fd >= 0);
		CHECK(ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET);
		CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
		CHECK(stat("/proc/self/ns/net", &ours) == 0 && fstat(fd, &new) == 0);
		CHECK(ours.st_ino != new.st_ino);
		CHECK(loopback_is_up(fd));
	}
	network_ns_end();
	close(ends[0]);
	close(ends[1]);
	CHECK(open_count() == before);
}

/* By the thread, or by us when it is there already. */
static void test_sent(void)
{
	for (int n = 0; n < 100; n++)
		check_sent(false);
	check_sent(true);
}

/* Nobody is there to take it: not an error of ours, and nothing is left. */
static void test_sent_to_nobody(void)
{
	struct err e = { 0 };
	int before = open_count(), ends[2];

	for (int late = 0; late < 2; late++) {
		CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
		close(ends[1]);
		CHECK(begin(late), "no other processor came to it");
		CHECK(network_ns_send(ends[0], "N", 1, &e) == 0, "%s", e.text);
		close(ends[0]);
	}
	CHECK(open_count() == before);
}

/* Given up at once, mostly before it began, and when it is there. */
static void test_given_up(void)
{
	int before = open_count();

	network_ns_end();
	load = "1/85";
	for (int tries = 0; tries < 200; tries++) {
		network_ns_begin();
		network_ns_end();
		CHECK(!network_ns_comes());
	}
	CHECK(begin(true), "no other processor came to it");
	network_ns_end();
	CHECK(!network_ns_comes() && open_count() == before);
}

static bool is_refused(bool late)
{
	struct err e = { 0 };
	int ends[2];
	bool refused;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 || !begin(late))
		return false;
	refused = network_ns_send(ends[0], "N", 1, &e) < 0 && e.code == ENOSPC &&
		  strstr(e.text, "new network namespace");
	close(ends[0]);
	close(ends[1]);
	return refused;
}

/* What the kernel refuses is said, and leaves nothing either. */
static void test_refused(void)
{
	int before, status = -1;
	pid_t pid = fork();
	FILE *limit;

	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 ||
		    !(limit = fopen("/proc/sys/user/max_net_namespaces", "w")) ||
		    fputs("0", limit) < 0 || fclose(limit) != 0)
			_exit(SKIPPED);
		before = open_count();
		for (int n = 0; n < 50; n++)
			if (!is_refused(n == 0) || open_count() != before)
				_exit(1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == SKIPPED),
	      "status %x", (unsigned)status);
}

int main(void)
{
	cpu_set_t all;

	if (geteuid() != 0 || sched_getaffinity(0, sizeof(all), &all) < 0 || CPU_COUNT(&all) < 2) {
		fputs("skipped: needs root and a second processor\n", stderr);
		return SKIPPED;
	}
	test_busy();
	test_sent();
	test_sent_to_nobody();
	test_given_up();
	test_refused();
	return check_result();
}
