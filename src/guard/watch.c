/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The two processes of a watcher. The first waits for the second and does nothing
 * else, so there is nothing in it to go wrong; the second has the listeners. When it is killed the
 * kernel refuses the calls that were asked about (ENOSYS), then and afterwards, and the first one
 * does what the policy says about a container that nobody watches.
 */
#include "orlop/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/cgroup_dir.h"
#include "guard/freeze.h"
#include "guard/watch.h"
#include "orlop/auto.h"
#include "orlop/guard.h"
#include "orlop/state.h"
#include "state/identity.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1ul
#endif

enum { LOOK_MS = 500, UNBORN_MS = 60000, END_MS = 1000, HAND_OVER_MS = 1000, BACKLOG = 64 };

/* ---- the one that watches ---------------------------------------------------------------- */

static void take_listener(struct watch *w)
{
	char document[4096];
	auto_fd int peer = accept4(w->socket, NULL, NULL, SOCK_CLOEXEC);
	int fd = -1;

	/* The document says whose it is: nothing that we do not know. */
	if (peer < 0 || fd_wait_readable(peer, -1, HAND_OVER_MS) != 0 ||
	    fd_receive(peer, document, sizeof(document), MSG_DONTWAIT, &fd) < 0 || fd < 0)
		return;
	/* Whoever asks waits for us: we may have its processor at once (Linux 6.6; or not). */
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) < 0)
		errno = 0;
	if (w->listener_count < WATCH_LISTENERS_MAX)
		w->listeners[w->listener_count++] = fd;
	else
		close(fd);		/* its calls get ENOSYS: refused, and not noticed */
}

/* Whether there is something left to watch. */
static bool is_over(struct watch *w, int64_t began)
{
	struct cgroup_events events = { 0 };

	if (faccessat(w->held.dir, "config.json", F_OK, 0) < 0)
		return true;
	if (w->held.group < 0)
		return false;
	if (cgroup_events_get(w->held.group, &events) != 0)
		return true;
	w->was_populated |= events.populated;
	if (events.populated)
		return false;
	return w->was_populated || fd_now_ms() - began > UNBORN_MS;
}

static void look_at_listeners(struct watch *w, const struct pollfd *polled, size_t count)
{
	for (size_t i = count; i-- > 0;) {
		bool ended = polled[i].revents & (POLLHUP | POLLERR | POLLNVAL);

		if (polled[i].revents & POLLIN && watch_alarm_call(w, w->listeners[i]) < 0)
			ended = true;
		if (!ended)
			continue;
		/* Nobody has that filter any more. */
		close(w->listeners[i]);
		w->listeners[i] = w->listeners[--w->listener_count];
	}
}

static void watch(struct watch *w)
{
	struct pollfd p[1 + WATCH_EVENTS + WATCH_LISTENERS_MAX];
	int64_t began = fd_now_ms(), looked = 0;

	/* It sleeps until there is an alarm, and then nothing is more urgent. */
	freeze_hurry();
	for (;;) {
		size_t count = w->listener_count;

		p[0] = (struct pollfd){ .fd = w->socket, .events = POLLIN };
		watch_events_poll(w, p + 1);
		for (size_t i = 0; i < count; i++)
			p[1 + WATCH_EVENTS + i] = (struct pollfd){ .fd = w->listeners[i],
								   .events = POLLIN };
		if (poll(p, (nfds_t)(1 + WATCH_EVENTS + count), LOOK_MS) < 0 && errno != EINTR)
			return;
		look_at_listeners(w, p + 1 + WATCH_EVENTS, count);
		for (size_t i = 0; i < WATCH_EVENTS; i++) {
			const char *event = watch_events_happened(w, i, &p[1 + i]);

			if (event)
				watch_alarm_event(w, event, "an event of the cgroup");
		}
		if (p[0].revents)
			take_listener(w);
		if (fd_now_ms() - looked >= LOOK_MS) {
			looked = fd_now_ms();
			if (is_over(w, began))
				return;
		}
	}
}

/* ---- the one that waits ------------------------------------------------------------------ */

static void act_without(const struct watch *w)
{
	auto_arena a = ARENA_NONE;
	struct guard_request request = {
		.id = w->id, .trigger = "watch", .reason = "its watcher was killed",
		.observe = w->policy.observe, .allow = w->policy.allow,
	};
	struct guard_alarm alarm = { .id = w->id, .source = "watch", .rule = "watcher-killed" };
	struct guard_report report;
	struct err ignored;

	if (w->policy.watch.on_failure == POLICY_FAILURE_QUARANTINE &&
	    guard_quarantine(w->root, &request, &a, &report, &ignored) < 0)
		alarm.detail = ignored.text;
	if (guard_alarm(w->root, &alarm, &ignored) < 0)
		return;
}

static int write_names(const struct watch *w, pid_t watcher, struct err *e)
{
	uint64_t start[2];
	char text[128];
	int len;

	if (identity_start(getpid(), &start[0]) != 0 || identity_start(watcher, &start[1]) != 0)
		return err_sys(e, "the watcher's start time");
	len = snprintf(text, sizeof(text), "%d %llu %d %llu\n", (int)getpid(),
		       (unsigned long long)start[0], (int)watcher, (unsigned long long)start[1]);
	return file_create(w->held.dir, WATCH_FILE, text, (size_t)len) < 0
		       ? err_sys(e, "the watcher's file") : 0;
}

static int prepare(struct watch *w, struct arena *a, struct err *e)
{
	if (held_find(w->root, w->id, a, &w->held, e) < 0 ||
	    policy_load(w->held.dir, a, &w->policy, e) < 0 || watch_events_open(w, e) < 0)
		return -1;
	return listen(w->socket, BACKLOG) < 0 ? err_sys(e, "the watcher's socket") : 0;
}

static int run(struct watch *w, int ready, struct arena *a, struct err *e)
{
	pid_t pid;
	int status;

	if (prepare(w, a, e) < 0)
		return -1;
	prctl(PR_SET_NAME, "orlop:[watch]");
	pid = fork();
	if (pid < 0)
		return err_sys(e, "fork");
	if (pid == 0) {
		close(ready);
		watch(w);
		_exit(0);
	}
	prctl(PR_SET_NAME, "orlop:[wait]");
	auto_close_fd(&w->socket);
	if (write_names(w, pid, e) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	if (fd_write_all(ready, WATCH_READY, strlen(WATCH_READY)) < 0)
		return err_sys(e, "say that it watches");
	close(ready);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		act_without(w);
	return 0;
}

int watch_run(const char *root, const char *id, int socket, int ready, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct watch *w = arena_new(&a, struct watch);
	int done;

	*w = (struct watch){ .root = root, .id = id, .held = HELD_NONE, .socket = socket };
	done = run(w, ready, &a, e);
	if (done < 0 && fd_write_all(ready, e->text, strlen(e->text)) < 0)
		err_in(e, "nobody waits");
	held_close(&w->held);
	return done;
}

/* ---- its end ----------------------------------------------------------------------------- */

/* By pid and start time: a pid alone may be somebody else's by now. */
static void end_process(pid_t pid, uint64_t start)
{
	auto_fd int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	uint64_t now;

	if (pidfd < 0 || identity_start(pid, &now) != 0 || now != start)
		return;
	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0 &&
	    fd_wait_readable(pidfd, -1, END_MS) < 0)
		return;
}

void watch_end(int dir)
{
	auto_arena a = ARENA_NONE;
	size_t len;
	char *text = state_read_file(dir, WATCH_FILE, 256, &a, &len);
	unsigned long long start[2];
	int pid[2];

	if (!text || sscanf(text, "%d %llu %d %llu", &pid[0], &start[0], &pid[1], &start[1]) != 4)
		return;
	/* First the one that would do something about the other's end. */
	for (int i = 0; i < 2; i++)
		end_process(pid[i], start[i]);
}
