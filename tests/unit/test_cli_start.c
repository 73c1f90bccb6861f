/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the caller arranged, and what is left of it after start_clean. Each case is a process of
 * its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "cli/start.h"
#include "orlop/auto.h"

/* The case's process ends with the number of its first wrong claim, 0 when all hold. */
#define CLAIM(number, condition) \
	do { \
		if (!(condition)) \
			_exit(number); \
	} while (0)

static void in_child(const char *name, void (*what)(void))
{
	pid_t pid;
	int status;

	fflush(stderr);
	pid = fork();
	if (pid == 0) {
		what();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x", name, status);
}

static bool is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static void closed_standard_streams(void)
{
	struct err e;

	close(0);
	close(1);
	close(2);
	CLAIM(1, start_clean(&e) == 0);
	for (int fd = 0; fd < 3; fd++)
		CLAIM(2 + fd, is_null(fd) && fcntl(fd, F_GETFD) == 0);
}

static void one_closed_stream(void)
{
	struct stat before, after;
	struct err e;

	fstat(0, &before);
	close(1);
	CLAIM(1, start_clean(&e) == 0);
	CLAIM(2, is_null(1));
	CLAIM(3, fstat(0, &after) == 0 && before.st_ino == after.st_ino);
}

static void leaked_descriptors(void)
{
	struct err e;

	CLAIM(1, dup2(2, 3) == 3 && dup2(2, 200) == 200);
	CLAIM(2, fcntl(200, F_GETFD) == 0);
	CLAIM(3, start_clean(&e) == 0);
	CLAIM(4, fcntl(3, F_GETFD) == FD_CLOEXEC && fcntl(200, F_GETFD) == FD_CLOEXEC);
	CLAIM(5, fcntl(2, F_GETFD) == 0);
}

static void environment(void)
{
	static char kept[] = "NOTIFY_SOCKET=/a", twice[] = "NOTIFY_SOCKET=/b", path[] = "PATH=/evil",
		    preload[] = "LD_PRELOAD=x", longer[] = "NOTIFY_SOCKETS=y", empty[] = "LISTEN_FDS=",
		    tunables[] = "GLIBC_TUNABLES=z", nothing[] = "XDG_RUNTIME_DIR";
	static char *arranged[] = {
		preload, longer, kept, path, twice, empty, tunables, nothing, NULL,
	};
	struct err e;

	environ = arranged;
	CLAIM(1, start_clean(&e) == 0);
	CLAIM(2, environ[0] == kept && environ[1] == empty && !environ[2]);
}

static void no_environment(void)
{
	struct err e;

	environ = NULL;
	CLAIM(1, start_clean(&e) == 0);
	CLAIM(2, environ && !environ[0]);
}

static void signals(void)
{
	struct sigaction now;
	struct err e;

	signal(SIGCHLD, SIG_IGN);
	CLAIM(1, start_clean(&e) == 0);
	CLAIM(2, sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
	/* A handler, because "ignored" would be inherited by the container. */
	CLAIM(3, sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler != SIG_IGN &&
		 now.sa_handler != SIG_DFL);
}

static void preserved(void)
{
	struct err e;

	closefrom(3);
	CLAIM(1, dup2(2, 3) == 3 && dup2(2, 4) == 4);
	CLAIM(2, start_check_preserved(0, 2, &e) == 0 && start_check_preserved(2, 0, &e) == 0);
	CLAIM(3, start_check_preserved(1, 2, &e) == -1 && e.code == EBADF);
	CLAIM(4, strstr(e.text, "unable to stat preserved-fd 1 (of 2): "));
	CLAIM(5, start_check_preserved(3, 0, &e) == -1);
	CLAIM(6, strstr(e.text, "unable to stat fd 5 of LISTEN_FDS: "));
}

static void announced(void)
{
	char own[24], other[24];

	snprintf(own, sizeof(own), "%d", (int)getpid());
	snprintf(other, sizeof(other), "%d", (int)getppid());
	setenv("LISTEN_FDS", "2", 1);
	CLAIM(1, start_listen_fds() == 0);
	setenv("LISTEN_PID", other, 1);
	CLAIM(2, start_listen_fds() == 0);
	setenv("LISTEN_PID", own, 1);
	CLAIM(3, start_listen_fds() == 2);
	setenv("LISTEN_FDS", "-2", 1);
	CLAIM(4, start_listen_fds() == 0);
	setenv("LISTEN_FDS", "99999", 1);
	CLAIM(5, start_listen_fds() == 0);
}

int main(void)
{
	in_child("closed standard streams", closed_standard_streams);
	in_child("one closed stream", one_closed_stream);
	in_child("leaked descriptors", leaked_descriptors);
	in_child("environment", environment);
	in_child("no environment", no_environment);
	in_child("signals", signals);
	in_child("preserved", preserved);
	in_child("announced", announced);
	return check_result();
}
