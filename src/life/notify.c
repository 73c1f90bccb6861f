/* SPDX-License-Identifier: Apache-2.0 */
#include "life/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "orlop/auto.h"

enum { PATIENCE_MS = 10 * 1000, BARRIER_MS = 30 * 1000 };

const char notify_directory[] = "notify";

const char *notify_wanted(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && *path ? path : NULL;
}

int notify_prepare(int dir, struct err *e)
{
	if (!notify_wanted())
		return 0;
	/* The container's users go through it to the socket, whoever they are. */
	if (mkdirat(dir, notify_directory, 0755) < 0 || fchmodat(dir, notify_directory, 0755, 0) < 0)
		return err_sys(e, "directory for the notify socket");
	return 0;
}

int notify_begin(struct notify *n, int dir, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = -1, place = -1;

	*n = NOTIFY_NONE;
	n->target = notify_wanted();
	if (!n->target)
		return 0;
	place = openat(dir, notify_directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)			/* made without one: nobody will say anything */
		return errno == ENOENT ? 0 : err_sys(e, "notify socket");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/notify.sock", place);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(place, "notify.sock", 0777, 0) < 0)
		return err_sys(e, "notify socket");
	n->socket = take_fd(&fd);
	return 0;
}

void notify_end(struct notify *n)
{
	auto_close_fd(&n->socket);
}

/* The one line of a message that is passed on, or NULL. */
static const char *ready_line(char *text)
{
	char *rest = text;

	for (char *line; (line = strsep(&rest, "\n"));)
		if (!strncmp(line, "READY=", 6))
			return line;
	return NULL;
}

static int tell(int manager, const char *text, struct err *e)
{
	if (send(manager, text, strlen(text), MSG_NOSIGNAL) < 0)
		return err_sys(e, "tell the service manager \"%.40s\"", text);
	return 0;
}

/* The manager closes its end when it has seen what came before, or never. */
static void wait_at_barrier(int manager)
{
	static const char barrier[] = "BARRIER=1";
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	auto_fd int ours = ends[0];
	auto_fd int theirs = ends[1];

	if (fd_send(manager, barrier, sizeof(barrier) - 1, theirs) < 0)
		return;
	auto_close_fd(&theirs);
	if (fd_wait_readable(ours, -1, BARRIER_MS) != 0)
		return;
}

static int pass_on(const struct notify *n, const char *ready, pid_t pid, struct err *e)
{
	auto_fd int manager = fd_connect_unix(n->target, SOCK_DGRAM, PATIENCE_MS, e);
	struct err ignored;
	char main_pid[32];

	snprintf(main_pid, sizeof(main_pid), "MAINPID=%d", (int)pid);
	if (manager < 0 || tell(manager, ready, e) < 0)
		return -1;
	/* It has what it waits for; one that wants to hear no more is no failure of ours. */
	if (tell(manager, main_pid, &ignored) == 0)
		wait_at_barrier(manager);
	return 0;
}

int notify_take(struct notify *n, pid_t pid, struct err *e)
{
	char text[4096];
	ssize_t len = recv(n->socket, text, sizeof(text) - 1, 0);
	const char *ready;
	int result;

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : err_sys(e, "notify socket");
	text[len] = '\0';
	ready = ready_line(text);
	if (!ready)
		return 0;
	result = pass_on(n, ready, pid, e);
	notify_end(n);
	return result;
}

int notify_wait(struct notify *n, pid_t pid, int pidfd, struct err *e)
{
	while (n->socket >= 0) {
		int state = fd_wait_readable(n->socket, pidfd, -1);

		if (state < 0)
			return err_sys(e, "notify socket");
		if (state == FD_PEER_DIED)
			notify_end(n);
		else if (notify_take(n, pid, e) < 0)
			return -1;
	}
	return 0;
}
