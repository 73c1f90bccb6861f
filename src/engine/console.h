/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The terminal's master: handed to whoever asked for it, or served by ourselves in a
 * foreground run.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "orlop/err.h"

/*
 * Sends a descriptor to a listening unix socket as runc does: one message, `name` as its data, one
 * SCM_RIGHTS descriptor, no answer. Bounded: a peer that does not accept or read is an error after
 * ten seconds.
 */
int console_send(const char *socket_path, const char *name, int fd, struct err *e)
	__attribute__((warn_unused_result));

/* Bytes on their way in one direction. */
struct console_flow {
	size_t start, len;
	char bytes[4096];
};

/*
 * The caller's input and output while they are connected to a container's terminal. Nothing here
 * waits: a program that does not read must not keep us from showing what it writes, nor from
 * passing on signals.
 */
struct console {
	int master;			/* -1 when nobody has the container's side open any more */
	bool raw, input_open, output_gone;
	char last;			/* byte that was taken from our input */
	struct termios saved;
	struct console_flow in, out;
};

/*
 * Sizes the container's terminal as ours and puts ours, if standard input is one, into raw mode.
 * In the background that stops us, as it does every program, until we are brought forward.
 */
int console_begin(struct console *c, int master, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Makes a container's terminal a part of ours, as runc does: sized as ours, when we have
 * one, and without a carriage return of its own before each line feed, so that what is
 * piped elsewhere has none. To be called before the program runs.
 */
void console_adopt(int master);

/* Takes over a change of our terminal's size (SIGWINCH). */
void console_resize(const struct console *c);

/* After we were stopped (SIGCONT): raw mode and size anew, if the terminal is ours again. */
void console_resume(struct console *c);

/* What to poll for; `waits` afterwards tells console_move what there is to do. */
enum { CONSOLE_MASTER, CONSOLE_INPUT, CONSOLE_OUTPUT, CONSOLE_WAITS };
void console_waits(const struct console *c, struct pollfd waits[CONSOLE_WAITS]);

/*
 * Moves what can be moved. The end of our input is typed as a person would; with nobody left to
 * read our output, output_gone is set and what the container writes is no longer taken.
 */
void console_move(struct console *c, const struct pollfd waits[CONSOLE_WAITS]);

/* Restores our terminal. */
void console_end(struct console *c);
