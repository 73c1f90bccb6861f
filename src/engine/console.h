/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The terminal's master: handed to whoever asked for it, or served by ourselves in a
 * foreground run.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

#include "orlop/err.h"

/*
 * Sends a descriptor to a listening unix socket as runc does: one message, `name` as its data, one
 * SCM_RIGHTS descriptor, no answer. Bounded: a peer that does not accept or read is an error after
 * ten seconds.
 */
int console_send(const char *socket_path, const char *name, int fd, struct err *e)
	__attribute__((warn_unused_result));

/* The caller's own terminal while a container's is connected to it. */
struct console {
	int master;
	bool raw, stdin_open;
	struct termios saved;
	char pending[4096];		/* from the container to our output, in full or not at all */
};

/* Sizes the container's terminal as ours and puts ours, if standard input is one, into raw mode. */
int console_begin(struct console *c, int master, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Makes a container's terminal a part of ours, as runc does: sized as our standard input, when that
 * is a terminal, and without a carriage return of its own before each line feed, so that what is
 * piped elsewhere has none. To be called before the program runs.
 */
void console_adopt(int master);

/* Takes over a change of our terminal's size (SIGWINCH). */
void console_resize(const struct console *c);

/* Copies what is there from our input to the container; false when the input has ended. */
void console_copy_in(struct console *c);

/* Copies what is there from the container to our output; false when its terminal is gone. */
bool console_copy_out(struct console *c);

/* Restores our terminal. */
void console_end(struct console *c);
