/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network namespace that is made on another processor: another one than ours, with its loopback
 * up; nothing is left of it, whether it is taken or not.
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

/* Busy processors come to it sooner or later. */
static bool begin(void)
{
	load = "1/85";
	for (int tries = 0; tries < 1000; tries++) {
		network_ns_begin();
		usleep(10 * 1000);
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

static void test_made(void)
{
	struct stat ours, new;
	struct err e;
	int before = open_count();

	CHECK(begin(), "no other processor came to it in ten seconds");
	{
		auto_fd int fd = network_ns_take(&e);

		CHECK(fd >= 0, "%s", e.text);
		CHECK(ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET);
		CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
		CHECK(stat("/proc/self/ns/net", &ours) == 0 && fstat(fd, &new) == 0);
		CHECK(ours.st_ino != new.st_ino);
		CHECK(loopback_is_up(fd));
	}
	CHECK(!network_ns_comes(), "it was taken");
	network_ns_end();
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
	CHECK(begin(), "no other processor came to it in ten seconds");
	network_ns_end();
	CHECK(!network_ns_comes() && open_count() == before);
}

/* What the kernel refuses is said when it is asked for, and leaves nothing either. */
static void test_refused(void)
{
	int before, status = -1;
	struct err e;
	pid_t pid = fork();
	FILE *limit;

	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 ||
		    !(limit = fopen("/proc/sys/user/max_net_namespaces", "w")) ||
		    fputs("0", limit) < 0 || fclose(limit) != 0)
			_exit(SKIPPED);
		before = open_count();
		_exit(!begin() || network_ns_take(&e) >= 0 || e.code != ENOSPC ||
		      !strstr(e.text, "new network namespace") || open_count() != before);
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
	test_made();
	test_given_up();
	test_refused();
	return check_result();
}
