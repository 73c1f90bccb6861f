/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A process of its own has a session of its own as well: a ^C on the terminal shall
 * not end criu while its code is in the container's processes. It hears of it by the end of the
 * socket, as of our own end, and then lets criu find its way out.
 */
#include "guard/dumper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "orlop/auto.h"

/* Words from the process: a letter, and a text. */
enum { DONE = 'd', FAILED = 'f', NOTE = 'n', LEAVING = 'l' };

enum {
	WORD_MAX = 1024,
	STEP_MS = 100, TRIES = 10,
	SILENCE_MS = 1500,		/* of who shall come to an end */
};

/* ---- the process ------------------------------------------------------------------------- */

static void say(int socket, char letter, const char *text)
{
	char word[WORD_MAX] = { letter };

	stpncpy(word + 1, text, sizeof(word) - 2);
	(void)send(socket, word, strlen(word), MSG_NOSIGNAL);
}

/* Asked as long as criu is on its way out, too: whoever waits for us hears that we are here. */
static bool is_over(void *argument)
{
	int socket = *(int *)argument;
	struct pollfd wait = { .fd = socket, .events = POLLRDHUP };

	if (poll(&wait, 1, 0) <= 0)
		return false;
	say(socket, LEAVING, "");
	return true;
}

static void say_note(void *argument, const char *text)
{
	say(*(int *)argument, NOTE, text);
}

_Noreturn static void work(const struct dumper *d, int socket)
{
	struct evidence_dump dump = {
		.directory = d->directory, .wait_ms = d->wait_ms, .over = is_over,
		.note = say_note, .argument = &socket,
	};
	struct err e;
	int code;

	setsid();
	prctl(PR_SET_NAME, "orlop:[dump]");
	code = d->dump(d->context, d->id, &dump, &e);
	say(socket, code < 0 ? FAILED : DONE, code < 0 ? e.text : "");
	_exit(code < 0);
}

/* ---- waiting for it ---------------------------------------------------------------------- */

struct waiting {
	const struct dumper *d;
	struct arena *a;
	int socket;
	const char *why;		/* it has to come to an end */
	int64_t end_ms;			/* of CLOCK_MONOTONIC: then it is killed; 0: not yet */
};

/* False when there is no more time for it. */
static bool may_go_on(struct waiting *w)
{
	if (w->end_ms)
		return fd_now_ms() < w->end_ms;
	w->why = w->d->over(w->d->argument);
	if (w->why) {
		w->end_ms = fd_now_ms() + SILENCE_MS;
		shutdown(w->socket, SHUT_WR);
	}
	return true;
}

/* The process's last word: DONE, FAILED with its text; 0 when there is none. */
static char listen_to(struct waiting *w, const char **ret_text)
{
	char word[WORD_MAX];

	for (;;) {
		int ready = fd_wait_readable(w->socket, -1, STEP_MS);
		ssize_t len;

		if (ready == FD_TIMED_OUT && may_go_on(w))
			continue;
		len = ready == 0 ? recv(w->socket, word, sizeof(word) - 1, MSG_DONTWAIT) : -1;
		if (len <= 0)
			return 0;
		word[len] = '\0';
		*ret_text = arena_strndup(w->a, word + 1, strcspn(word + 1, "\n"));
		if (word[0] == LEAVING)
			w->end_ms = fd_now_ms() + SILENCE_MS;
		else if (word[0] == NOTE)
			w->d->note(w->d->argument, *ret_text);
		else
			return word[0];
	}
}

static const char *wait_for(struct waiting *w, pid_t pid)
{
	const char *text = "";
	char letter = listen_to(w, &text);

	if (!letter)
		kill(pid, SIGKILL);
	/* What waits for an answer of the container's may even survive that. */
	for (int tries = 0; waitpid(pid, NULL, letter ? 0 : WNOHANG) <= 0 && tries < TRIES; tries++)
		if (!letter)
			poll(NULL, 0, STEP_MS / TRIES);
	if (letter == DONE)
		return NULL;
	if (letter != FAILED)
		return w->why ? arena_printf(w->a, "%s, and who spoke to criu did not come to an end",
					     w->why) : "who spoke to criu died";
	return w->why ? arena_printf(w->a, "%s: %s", w->why, text) : text;
}

const char *dumper_run(const struct dumper *d, struct arena *a)
{
	struct waiting w = { .d = d, .a = a };
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return arena_printf(a, "socket: %s", err_errno_text(errno));
	auto_fd int ours = ends[0];
	auto_fd int theirs = ends[1];

	pid = fork();
	if (pid < 0)
		return arena_printf(a, "fork: %s", err_errno_text(errno));
	if (pid == 0) {
		auto_close_fd(&ours);
		work(d, theirs);
	}
	auto_close_fd(&theirs);
	w.socket = ours;
	return wait_for(&w, pid);
}
