/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/console.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "orlop/auto.h"

enum { PATIENCE_MS = 10 * 1000 };

int console_send(const char *socket_path, const char *name, int fd, struct err *e)
{
	struct timeval limit = { .tv_sec = PATIENCE_MS / 1000 };
	auto_fd int socket = fd_connect_unix(socket_path, SOCK_STREAM, PATIENCE_MS, e);

	if (socket < 0)
		return -1;
	setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (fd_send(socket, name, strlen(name), fd) < 0)
		return err_sys(e, "send a descriptor to \"%s\"", socket_path);
	return 0;
}

static void adopt_size(int master)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(master, TIOCSWINSZ, &size);
}

void console_adopt(int master)
{
	struct termios modes;

	adopt_size(master);
	if (tcgetattr(master, &modes) < 0)
		return;
	modes.c_oflag &= ~(tcflag_t)ONLCR;
	tcsetattr(master, TCSANOW, &modes);
}

void console_resize(const struct console *c)
{
	adopt_size(c->master);
}

int console_begin(struct console *c, int master, struct err *e)
{
	struct termios raw;

	*c = (struct console){ .master = master, .stdin_open = true };
	if (!isatty(STDIN_FILENO))
		return 0;
	if (tcgetattr(STDIN_FILENO, &c->saved) < 0)
		return err_sys(e, "terminal");
	console_resize(c);
	raw = c->saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;		/* a line feed is this terminal's affair: console_adopt */
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return err_sys(e, "terminal");
	c->raw = true;
	return 0;
}

void console_copy_in(struct console *c)
{
	char bytes[4096];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* What a terminal's user would type for "no more". */
		static const char end_of_file = 4;

		c->stdin_open = false;
		bytes[0] = end_of_file;
		n = 1;
	}
	if (fd_write_all(c->master, bytes, (size_t)n) < 0)
		c->stdin_open = false;
}

bool console_copy_out(struct console *c)
{
	ssize_t n = read(c->master, c->pending, sizeof(c->pending));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)			/* EIO: the last process closed it */
		return false;
	return fd_write_all(STDOUT_FILENO, c->pending, (size_t)n) == 0;
}

void console_end(struct console *c)
{
	if (c->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &c->saved);
	c->raw = false;
}
