/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start: the process that waits is told to go on, on the socket that it alone listens at.
 */
#include "life/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/hooks.h"
#include "life/agent.h"
#include "life/container.h"
#include "life/lifecycle.h"
#include "life/notify.h"
#include "orlop/auto.h"
#include "orlop/child_plan.h"
#include "orlop/guard.h"

enum { PATIENCE_MS = 10 * 1000 };

/*
 * Whether what has let go of its socket did so by execve. Who dies without that does it in silence
 * when the filter refuses him all words; his memory is gone by then, and his name still the child's.
 * Who was waited for by somebody else cannot be judged any more.
 */
static bool has_begun(pid_t pid, int pidfd)
{
	char path[32], text[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (readlink(path, text, sizeof(text)) >= 0 || errno != ENOENT)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || file_read_fd(fd, text, sizeof(text)) < 0 ||
	       strcmp(text, CHILD_NAME) != 0 ||
	       pidfd_send_signal(pidfd, 0, NULL, 0) < 0;
}

static int not_begun(struct err *e)
{
	err_set(e, ERR_STATE, "container process is already dead: it ended in silence before its "
		"program began");
	return err_hint(e, "linux.seccomp has to allow execve and what a program begins with (see "
			   "orlop profile learn); a memory limit ends it as silently");
}

int start_program(const struct start *s, struct err *e)
{
	static const struct plan no_plan;
	static const struct plan_process no_process;
	auto_arena a = ARENA_NONE;
	struct agent agent = {
		.seccomp = s->seccomp, .record = s->record, .status = STATE_CREATED,
		.pid = s->record->pid,
	};
	struct spawn_starting starting = {
		.control = s->control, .pidfd = s->pidfd, .plan = &no_plan,
		.process = &no_process, .listener = agent_send, .argument = &agent,
	};
	int started = spawn_run(&starting, e);

	if (started != 0)
		return started == SPAWN_HOOK_FAILED ? START_HOOK_FAILED : -1;
	if (s->record->seccomp && !has_begun(s->record->pid, s->pidfd))
		return not_begun(e);
	if (!s->record->poststart)
		return 0;
	if (hooks_run(&s->hooks->poststart, "poststart",
		      container_hook_state(s->record, STATE_RUNNING, s->record->pid, &a),
		      s->record->bundle, NULL, e) < 0)
		return START_HOOK_FAILED;
	return 0;
}

static int connect_to(const struct container *c, struct err *e)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/start.sock", c->dir);
	fd = fd_connect_unix(path, SOCK_SEQPACKET, PATIENCE_MS, e);
	if (fd < 0 && (e->code == ECONNREFUSED || e->code == ENOENT))
		return err_set(e, ERR_STATE, "cannot start an already running container");
	return fd;
}

static int start_locked(const struct life *l, struct container *c, struct arena *a, struct err *e)
{
	struct oci_config config = { 0 };
	auto_fd int control = -1;
	struct start s = {
		.life = l, .record = &c->record, .hooks = &config.hooks,
		.seccomp = &config.linux.seccomp, .pidfd = c->pidfd,
	};
	struct notify notify;
	int started;

	if (guard_refuse(c->dir, c->id, "start", e) < 0 ||
	    lifecycle_check(VERB_START, c->status, c->id, e) < 0)
		return -1;
	if ((c->record.poststart || c->record.seccomp) && container_config(c, a, &config, e) < 0)
		return -1;
	control = connect_to(c, e);
	if (control < 0)
		return -1;
	s.control = control;
	if (notify_begin(&notify, c->dir, e) < 0)
		return -1;
	started = start_program(&s, e);
	/* Nobody listens any more; without the name the status is known without asking. */
	if (started == 0)
		unlinkat(c->dir, "start.sock", 0);
	state_unlock(c->dir);		/* becoming ready may take as long as it likes */
	if (started == 0)
		started = notify_wait(&notify, c->record.pid, c->pidfd, e);
	notify_end(&notify);
	return started;
}

int life_start(const struct life *l, const char *id, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct err ignored;
	int started;

	{
		auto_container c = CONTAINER_NONE;

		if (container_open_locked(l, id, CONTAINER_LOCK_MS, &a, &c, e) < 0)
			return -1;
		started = start_locked(l, &c, &a, e);
		container_audit(l, &c, "start", started == 0 ? NULL : e);
	}
	if (started == START_HOOK_FAILED && life_delete(l, id, true, &ignored) < 0)
		l->warn(ignored.text);
	return started == 0 ? 0 : -1;
}
