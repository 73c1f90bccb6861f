/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. One hook is one posix_spawn (which neither copies our memory nor runs our code
 * between clone and exec) and one loop that writes the state, collects the last words, and waits
 * for the end or the deadline. A hook that leaves a daemon behind with our pipes open is over
 * when the hook itself is.
 */
#include "engine/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/fd.h"
#include "orlop/auto.h"

enum {
	TAIL_KEPT = 400,	/* of each stream, in the message; the end says most */
	TAIL_ROOM = 4096,
	DRAIN_MAX = 1 << 20,	/* read after the end, from a daemon that goes on writing */
	KILL_WAIT_MS = 1000,
	TIMEOUT_MAX_S = 1000000,
};

/* The end of what a hook wrote. */
struct tail {
	int fd;			/* -1 after its end */
	size_t len;
	bool cut;
	char bytes[TAIL_ROOM];
};

struct running {
	pid_t pid;
	int pidfd;
	int in;			/* -1 when all was written or nobody reads it any more */
	const char *unwritten;
	size_t left;
	struct tail out, err;
};

static void running_done(struct running *r)
{
	auto_close_fd(&r->pidfd);
	auto_close_fd(&r->in);
	auto_close_fd(&r->out.fd);
	auto_close_fd(&r->err.fd);
}

/* Reads what is there. False when nothing was, be it only for now. */
static bool tail_read(struct tail *t)
{
	ssize_t n;

	if (t->fd < 0)
		return false;
	if (t->len > TAIL_ROOM / 2) {
		memmove(t->bytes, t->bytes + t->len - TAIL_KEPT, TAIL_KEPT);
		t->len = TAIL_KEPT;
		t->cut = true;
	}
	n = read(t->fd, t->bytes + t->len, TAIL_ROOM - t->len);
	if (n > 0) {
		t->len += (size_t)n;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		auto_close_fd(&t->fd);
	return false;
}

/* The text for a message: printable as one string, "..." where the beginning is missing. */
static const char *tail_text(struct tail *t, char room[TAIL_KEPT + 4])
{
	size_t skip = t->len > TAIL_KEPT ? t->len - TAIL_KEPT : 0;
	size_t len = t->len - skip;
	char *p = room;

	if (t->cut || skip) {
		memcpy(p, "...", 3);
		p += 3;
	}
	memcpy(p, t->bytes + skip, len);
	p[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (!p[i])
			p[i] = '?';
	return room;
}

static void write_state(struct running *r)
{
	ssize_t n = write(r->in, r->unwritten, r->left);

	if (n > 0) {
		r->unwritten += n;
		r->left -= (size_t)n;
	}
	/* A hook need not read it: EPIPE is no failure. */
	if (r->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		auto_close_fd(&r->in);
}

/* 0 when the hook has ended, FD_TIMED_OUT, or -1 and errno. */
static int attend(struct running *r, int64_t deadline)
{
	for (;;) {
		struct pollfd waits[] = {
			{ .fd = r->pidfd, .events = POLLIN },
			{ .fd = r->in, .events = POLLOUT },
			{ .fd = r->out.fd, .events = POLLIN },
			{ .fd = r->err.fd, .events = POLLIN },
		};
		int64_t left = deadline < 0 ? -1 : deadline - fd_now_ms();

		if (deadline >= 0 && left <= 0)
			return FD_TIMED_OUT;
		if (poll(waits, ARRAY_LEN(waits), left > INT32_MAX ? INT32_MAX : (int)left) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (waits[0].revents)
			return 0;
		if (waits[1].revents)
			write_state(r);
		if (waits[2].revents)
			tail_read(&r->out);
		if (waits[3].revents)
			tail_read(&r->err);
	}
}

/* Its pid is also its process group, and cannot be anybody else's before we waited for it. */
static void kill_group(struct running *r)
{
	kill(-r->pid, SIGKILL);
	kill(r->pid, SIGKILL);
	/* One that does not die of that (uninterruptible sleep) is left to whoever reaps us. */
	if (fd_wait_readable(r->pidfd, -1, KILL_WAIT_MS) == 0)
		waitpid(r->pid, NULL, 0);
}

/* Pipes from the hook's side to ours: ours never blocks. */
static int make_pipe(int fds[2], int ours)
{
	return pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[ours], F_SETFL, O_NONBLOCK) < 0 ? -1 : 0;
}

/* A list as exec wants it; NULL when memory ran out. Never NULL for an empty list. */
static char **terminated(const struct str_list *list, const char *instead)
{
	char **items = calloc(list->count + 2, sizeof(*items));

	if (!items)
		return NULL;
	if (list->count)
		memcpy(items, list->items, list->count * sizeof(*items));
	else if (instead)
		memcpy(items, &instead, sizeof(*items));
	return items;
}

struct spawn_attributes {
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
};

static void spawn_attributes_done(struct spawn_attributes *s)
{
	posix_spawn_file_actions_destroy(&s->files);
	posix_spawnattr_destroy(&s->attr);
}

/* An errno value, as posix_spawn's family returns it. */
static int spawn_attributes_set(struct spawn_attributes *s, const int standard[3], int cwd)
{
	sigset_t all, none;
	int code = 0;

	/* sigfillset leaves out the two signals of glibc's own, which would then be ignored. */
	memset(&all, 0xff, sizeof(all));
	sigemptyset(&none);
	for (int i = 0; i < 3 && !code; i++)
		code = posix_spawn_file_actions_adddup2(&s->files, standard[i], i);
	if (!code && cwd >= 0)
		code = posix_spawn_file_actions_addfchdir_np(&s->files, cwd);
	if (!code)
		code = posix_spawn_file_actions_addclosefrom_np(&s->files, 3);
	if (!code)
		code = posix_spawnattr_setsigdefault(&s->attr, &all);
	if (!code)
		code = posix_spawnattr_setsigmask(&s->attr, &none);
	if (!code)
		code = posix_spawnattr_setflags(&s->attr, POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
	return code;
}

/* An errno value; 0 and the pid. `fallback` is the environment of a hook that has none. */
static int spawn_hook(const struct oci_hook *hook, char *const *fallback, const int standard[3],
		      int cwd, pid_t *ret)
{
	__attribute__((cleanup(spawn_attributes_done))) struct spawn_attributes s = { 0 };
	auto_free char **args = terminated(&hook->args, hook->path);
	auto_free char **env = terminated(&hook->env, NULL);
	int code;

	posix_spawn_file_actions_init(&s.files);	/* cannot fail here: glibc allocates later */
	posix_spawnattr_init(&s.attr);
	if (!args || !env)
		return ENOMEM;
	code = spawn_attributes_set(&s, standard, cwd);
	return code ? code : posix_spawn(ret, hook->path, &s.files, &s.attr, args,
					 hook->env.count ? env : fallback);
}

/* Starts a hook; -1 with *e, and nothing runs. */
static int running_start(struct running *r, const struct oci_hook *hook, char *const *fallback,
			 const char *state_json, int cwd, struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	int piped = make_pipe(in, 1) < 0 || make_pipe(out, 0) < 0 || make_pipe(err, 0) < 0;
	int code = piped ? errno : 0;

	if (!code)
		code = spawn_hook(hook, fallback, (const int[]){ in[0], out[1], err[1] }, cwd,
				  &r->pid);
	auto_close_fd(&in[0]);
	auto_close_fd(&out[1]);
	auto_close_fd(&err[1]);
	r->in = in[1];
	r->out.fd = out[0];
	r->err.fd = err[0];
	r->unwritten = state_json;
	r->left = strlen(state_json);
	if (code)
		return err_sys_code(e, code, piped ? "pipe" : "exec \"%.200s\"", hook->path);
	r->pidfd = pidfd_open(r->pid, 0);
	if (r->pidfd < 0) {
		err_sys(e, "open process %d", (int)r->pid);
		kill(-r->pid, SIGKILL);
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
		return -1;
	}
	return 0;
}

bool hooks_failed(int status, char *words, size_t size)
{
	const char *name = WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status)) : NULL;

	if (WIFEXITED(status)) {
		snprintf(words, size, "exit status %d", WEXITSTATUS(status));
		return WEXITSTATUS(status) != 0;
	}
	snprintf(words, size, "signal: %s%s", name ? name : "unknown",
		 WCOREDUMP(status) ? " (core dumped)" : "");
	if (name && words[8] >= 'A' && words[8] <= 'Z')
		words[8] = (char)(words[8] - 'A' + 'a');
	return true;
}

static int run_one(const struct oci_hook *hook, char *const *fallback, const char *state_json,
		   int cwd, struct err *e)
{
	__attribute__((cleanup(running_done))) struct running r = {
		.pidfd = -1, .in = -1, .out.fd = -1, .err.fd = -1,
	};
	int64_t seconds = hook->timeout.value < TIMEOUT_MAX_S ? hook->timeout.value : TIMEOUT_MAX_S;
	int64_t deadline = hook->timeout.set ? fd_now_ms() + seconds * 1000 : -1;
	char out[TAIL_KEPT + 4], err[TAIL_KEPT + 4], words[96];
	size_t drained = 0;
	int ended, status;

	if (running_start(&r, hook, fallback, state_json, cwd, e) < 0)
		return -1;
	ended = attend(&r, deadline);
	if (ended < 0)
		err_sys(e, "poll");
	if (ended != 0)
		kill_group(&r);
	if (ended < 0)
		return -1;
	while (drained < DRAIN_MAX && (tail_read(&r.out) || tail_read(&r.err)))
		drained += TAIL_KEPT;
	if (ended == FD_TIMED_OUT)
		snprintf(words, sizeof(words), "hook ran past specified timeout of %lld.0s",
			 (long long)seconds);
	else if (waitpid(r.pid, &status, 0) < 0)
		return err_sys(e, "wait for process %d", (int)r.pid);
	else if (!hooks_failed(status, words, sizeof(words)))
		return 0;
	return err_set(e, ERR_STATE, "%s, stdout: %s, stderr: %s", words, tail_text(&r.out, out),
		       tail_text(&r.err, err));
}

/*
 * What the caller may have inherited: an ignored SIGCHLD takes the exit status from us, and a
 * SIGPIPE would end us when a hook does not read.
 */
struct signals {
	struct sigaction child, pipe;
	bool child_changed;
};

static void signals_prepare(struct signals *s)
{
	struct sigaction act = { .sa_handler = SIG_DFL };

	sigaction(SIGCHLD, NULL, &s->child);
	s->child_changed = s->child.sa_handler == SIG_IGN || (s->child.sa_flags & SA_NOCLDWAIT);
	if (s->child_changed)
		sigaction(SIGCHLD, &act, NULL);
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, &s->pipe);
}

static void signals_restore(const struct signals *s)
{
	if (s->child_changed)
		sigaction(SIGCHLD, &s->child, NULL);
	sigaction(SIGPIPE, &s->pipe, NULL);
}

int hooks_run(const struct hook_list *hooks, const char *kind, const char *state_json,
	      const char *cwd, void (*on_failure)(const char *text), struct err *e)
{
	struct signals signals;
	auto_fd int dir = -1;
	int result = 0;

	if (hooks->count == 0)
		return 0;
	signals_prepare(&signals);
	for (size_t i = 0; i < hooks->count && result == 0; i++) {
		if (cwd && dir < 0)
			dir = open(cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (cwd && dir < 0)
			result = err_sys(e, "open \"%.200s\"", cwd);
		else
			result = run_one(&hooks->items[i], environment_inherited(), state_json, dir,
					 e);
		if (result == 0)
			continue;
		err_in(e, "error running %s hook #%zu", kind, i);
		if (on_failure) {
			on_failure(e->text);
			result = 0;
		}
	}
	signals_restore(&signals);
	return result;
}

int hooks_run_program(const struct oci_hook *program, struct err *e)
{
	static char *const nothing[] = { NULL };
	struct signals signals;
	int result;

	signals_prepare(&signals);
	result = run_one(program, nothing, "", -1, e);
	signals_restore(&signals);
	return result;
}
