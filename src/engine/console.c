/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/console.h"

#include <errno.h>
#include <fcntl.h>
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

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ioctl(master, TIOCSWINSZ, &size);
			return;
		}
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
	if (c->master >= 0)
		adopt_size(c->master);
}

static int make_raw(struct console *c)
{
	struct termios raw = c->saved;

	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;		/* a line feed is this terminal's affair: console_adopt */
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

int console_begin(struct console *c, int master, struct err *e)
{
	*c = (struct console){ .master = master, .input_open = true, .last = '\n' };
	if (fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return err_sys(e, "terminal");
	if (!isatty(STDIN_FILENO))
		return 0;
	if (tcgetattr(STDIN_FILENO, &c->saved) < 0)
		return err_sys(e, "terminal");
	console_resize(c);
	c->raw = make_raw(c) == 0;
	/* EIO: in the background, and no shell is left that could bring us forward. */
	return c->raw || errno == EIO ? 0 : err_sys(e, "terminal");
}

void console_resume(struct console *c)
{
	if (!c->raw || tcgetpgrp(STDIN_FILENO) != getpgrp())
		return;
	make_raw(c);
	console_resize(c);
}

void console_waits(const struct console *c, struct pollfd waits[CONSOLE_WAITS])
{
	short master = (short)((c->out.len ? 0 : POLLIN) | (c->in.len ? POLLOUT : 0));
	bool input = c->master >= 0 && c->input_open && c->in.len == 0;

	/* Without events poll would still say, again and again, that the other side is closed. */
	waits[CONSOLE_MASTER] = (struct pollfd){ .fd = master ? c->master : -1, .events = master };
	waits[CONSOLE_INPUT] = (struct pollfd){ .fd = input ? STDIN_FILENO : -1, .events = POLLIN };
	waits[CONSOLE_OUTPUT] = (struct pollfd){
		.fd = c->out.len ? STDOUT_FILENO : -1, .events = POLLOUT,
	};
}

static bool is_for_later(ssize_t n)
{
	return n < 0 && (errno == EINTR || errno == EAGAIN);
}

/* What a terminal's user would type for "no more": once ends a line, twice on an empty one ends all. */
static void type_end(struct console *c)
{
	static const char end_of_file = 4;

	c->input_open = false;
	c->in.start = 0;
	c->in.len = c->last == '\n' ? 1 : 2;
	memset(c->in.bytes, end_of_file, c->in.len);
}

static void take_input(struct console *c)
{
	ssize_t n = read(STDIN_FILENO, c->in.bytes, sizeof(c->in.bytes));

	if (is_for_later(n))
		return;
	if (n <= 0) {
		type_end(c);
		return;
	}
	c->in.start = 0;
	c->in.len = (size_t)n;
	c->last = c->in.bytes[n - 1];
}

static void take_output(struct console *c)
{
	ssize_t n = read(c->master, c->out.bytes, sizeof(c->out.bytes));

	if (is_for_later(n))
		return;
	if (n <= 0) {			/* EIO: the last process closed it */
		c->master = -1;
		return;
	}
	c->out.start = 0;
	c->out.len = (size_t)n;
}

/* Writes what is taken without waiting; false when nothing ever will be. */
static bool flow_out(struct console_flow *f, int fd)
{
	ssize_t n = write(fd, f->bytes + f->start, f->len);

	if (is_for_later(n))
		return true;
	if (n < 0) {
		f->len = 0;
		return false;
	}
	f->start += (size_t)n;
	f->len -= (size_t)n;
	return true;
}

void console_move(struct console *c, const struct pollfd waits[CONSOLE_WAITS])
{
	if (waits[CONSOLE_OUTPUT].revents && !flow_out(&c->out, STDOUT_FILENO)) {
		c->output_gone = true;
		c->master = -1;
	}
	if (c->master >= 0 && waits[CONSOLE_MASTER].revents & ~POLLOUT) {
		if (c->out.len == 0)
			take_output(c);
		else
			c->in.len = 0;		/* closed on the other side: nobody reads it */
	}
	if (c->master >= 0 && waits[CONSOLE_MASTER].revents & POLLOUT && c->in.len &&
	    !flow_out(&c->in, c->master))
		c->input_open = false;
	if (waits[CONSOLE_INPUT].revents)
		take_input(c);
}

void console_end(struct console *c)
{
	if (c->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &c->saved);
	c->raw = false;
}
