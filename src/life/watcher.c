/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The watcher is this program, executed anew: what create has read and learned does
 * not stay in memory for as long as the container lives.
 */
#include "life/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/seccomp_watch.h"
#include "orlop/auto.h"
#include "orlop/watch.h"

enum { READY_MS = 5000, SOCKET_FD = 3, READY_FD = 4 };

int watcher_filter(const struct policy *policy, const char *root, const char *id,
		   struct oci_config *config, struct arena *a, struct err *e)
{
	if (!policy->watch.calls.count)
		return 0;
	if (seccomp_watch(&config->linux.seccomp, &policy->watch.calls,
			  arena_printf(a, "%s/%s/" WATCH_SOCKET, root, id), a, e) < 0)
		return err_in(e, "remediation policy");
	return 0;
}

/* In the new process, whose parent goes away at once: it belongs to nobody. */
static _Noreturn void become(const char *root, const char *id, int socket, int ready)
{
	char *const argv[] = { (char[]){ "orlop" }, (char[]){ "--root" }, (char *)(uintptr_t)root,
			       (char[]){ "watch" }, (char *)(uintptr_t)id, NULL };
	char *const envp[] = { NULL };
	int null = open("/dev/null", O_RDWR);

	if (setsid() < 0 || fork() != 0)
		_exit(0);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	/* Above both places first, so that neither is in the way of the other. */
	socket = fcntl(socket, F_DUPFD, READY_FD + 1);
	ready = fcntl(ready, F_DUPFD, READY_FD + 1);
	dup2(socket, SOCKET_FD);
	dup2(ready, READY_FD);
	close_range(READY_FD + 1, ~0u, 0);
	if (chdir("/") == 0)
		execve("/proc/self/exe", argv, envp);
	_exit(127);
}

static int bind_socket(int dir, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" WATCH_SOCKET, dir);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(e, "the watcher's socket");
	return take_fd(&fd);
}

int watcher_start(const char *root, const char *id, int dir, struct err *e)
{
	auto_fd int socket = bind_socket(dir, e);
	int ends[2];
	pid_t pid;
	char word[512];
	ssize_t len;

	if (socket < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	auto_fd int in = ends[0], out = ends[1];
	pid = fork();
	if (pid == 0)
		become(root, id, socket, out);
	if (pid < 0)
		return err_sys(e, "start the watcher");
	waitpid(pid, NULL, 0);
	auto_close_fd(&out);
	len = fd_wait_readable(in, -1, READY_MS) == 0 ? read(in, word, sizeof(word) - 1) : -1;
	if (len <= 0)
		return err_set(e, ERR_SYSTEM, "the watcher did not start");
	word[len] = '\0';
	return strcmp(word, WATCH_READY) == 0 ? 0 : err_set(e, ERR_SYSTEM, "%s", word);
}
