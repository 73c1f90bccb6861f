/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Nothing here may hold up a containment: starting the hooks is one fork, and the
 * process made by it shares no descriptor with us, so neither a lock of ours nor the pipe on which
 * an engine waits for our end stays open with it. It is the reaper of all that hooks start, which
 * is how it finds those that left their process group.
 */
#include "guard/hook.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/fd.h"
#include "base/file.h"
#include "engine/hooks.h"
#include "guard/freeze.h"
#include "guard/held.h"
#include "guard/journal.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "orlop/state.h"

enum { LEFT_MS = 1000, STEP_MS = 2, LOCK_MS = 2000, SPARE_S = 10, MS_PER_S = 1000 };

struct runner {
	const char *root, *id;
	pid_t caller, parent;		/* who started us, and whose child that is */
	const char *state;
	const struct hook_event *event;
	struct hook_list hooks;
	struct arena *arena;
};

static int64_t seconds_of(const struct oci_hook *hook)
{
	return hook->timeout.set ? hook->timeout.value : POLICY_HOOK_S;
}

/* ---- what they read ---- */

static void put_remediation(struct emit *m, const struct hook_event *event)
{
	emit_object(m, "remediation");
	emit_str(m, "moment", policy_moment_word(event->moment));
	if (event->trigger)
		emit_str(m, "trigger", event->trigger);
	if (event->result)
		emit_str(m, "result", event->result);
	if (event->reason)
		emit_str(m, "reason", event->reason);
	for (size_t i = 0; i < AUDIT_MEMBERS; i++)
		if (event->more[i].value)
			emit_str(m, event->more[i].name, event->more[i].value);
	emit_end(m);
}

/* The state of a container whose record can be read; of another only the id is known. */
static const char *state_text(int dir, const char *id, const struct hook_event *event,
			      struct arena *a)
{
	struct state_record r = { 0 };
	enum state_status status = STATE_CREATING;
	struct emit m = EMIT_IN(a, 0);
	struct err ignored;
	bool known = state_load(dir, a, &r, &ignored) == 0 && strcmp(r.id, id) == 0 &&
		     state_status(dir, &r, &status, NULL, &ignored) == 0;

	emit_object(&m, NULL);
	emit_str(&m, "ociVersion", known ? r.oci_version : "1.0.0");
	emit_str(&m, "id", id);
	emit_str(&m, "status", state_status_word(status));
	if (known && status != STATE_STOPPED)
		emit_i64(&m, "pid", r.pid);
	emit_str(&m, "bundle", known ? r.bundle : "");
	if (known && r.annotations.count) {
		emit_object(&m, "annotations");
		for (size_t i = 0; i < r.annotations.count; i++)
			emit_str(&m, r.annotations.items[i].key, r.annotations.items[i].value);
		emit_end(&m);
	}
	put_remediation(&m, event);
	emit_end(&m);
	return emit_get(&m);
}

/* ---- what comes of them ---- */

static void tell_journal(const struct runner *r, const char *hook, const char *result)
{
	auto_arena a = ARENA_NONE;
	auto_held h = HELD_NONE;
	auto_journal j = JOURNAL_CLOSED;
	struct err ignored;

	if (held_find(r->root, r->id, &a, &h, &ignored) < 0 ||
	    journal_open(h.dir, r->id, LOCK_MS, &a, &j, &ignored) != 0 ||
	    j.phase == JOURNAL_NONE)
		return;
	if (journal_hook(&j, policy_moment_word(r->event->moment), hook, result, held_time(&a),
			 &a, &ignored) < 0)
		return;		/* the audit log has it */
}

static void tell(const struct runner *r, const struct oci_hook *hook, const char *result,
		 const char *detail, int64_t took_ms)
{
	struct audit_entry entry = {
		.operation = "hook", .id = r->id, .result = result, .detail = detail,
		.caller = audit_caller(r->caller, r->parent, r->arena),
		.more = {
			{ "moment", policy_moment_word(r->event->moment) }, { "path", hook->path },
			{ "milliseconds", arena_printf(r->arena, "%lld", (long long)took_ms) },
		},
	};
	struct err ignored;
	int written = audit_write(r->root, &entry, &ignored);

	(void)written;		/* there is nobody left to tell */
	tell_journal(r, hook->path, result);
}

/* ---- the process that runs them ---- */

static pid_t parent_of(const char *pid)
{
	char path[32], stat[512];
	const char *end;
	int parent;

	snprintf(path, sizeof(path), "/proc/%.12s/stat", pid);
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || file_read_fd(fd, stat, sizeof(stat)) <= 0 || !(end = strrchr(stat, ')')) ||
	    sscanf(end + 1, " %*c %d", &parent) != 1)
		return -1;
	return parent;
}

/* Every child of ours, by now also those whose parents are gone. */
static void kill_children(void)
{
	auto_dir DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc)))
		if (entry->d_name[0] > '0' && entry->d_name[0] <= '9' &&
		    parent_of(entry->d_name) == getpid())
			kill((pid_t)atoi(entry->d_name), SIGKILL);
}

/* What a hook has started ends with it: each round gets a generation. */
static void end_children(void)
{
	int64_t end = fd_now_ms() + LEFT_MS;

	for (;;) {
		pid_t gone = waitpid(-1, NULL, WNOHANG);

		if (gone < 0 || fd_now_ms() >= end)
			return;
		if (gone > 0)
			continue;
		kill_children();
		poll(NULL, 0, STEP_MS);
	}
}

static void run_one(const struct runner *r, size_t n)
{
	struct oci_hook hook = r->hooks.items[n];
	const struct hook_list one = { &hook, 1 };
	int64_t begin = fd_now_ms();
	struct err e;
	int done;

	hook.timeout = (struct opt_i64){ true, seconds_of(&hook) };
	done = hooks_run(&one, policy_moment_word(r->event->moment), r->state, "/", NULL, &e);
	end_children();
	tell(r, &hook, done == 0 ? "done" : "failed", done == 0 ? NULL : e.text,
	     fd_now_ms() - begin);
}

static void leave_caller(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	close_range(3, ~0u, 0);
	setsid();
	environment_forget();
	/* Whoever contains is in a hurry; what is told of it afterwards is not. */
	if (getpriority(PRIO_PROCESS, 0) < 0)
		freeze_calm(0);
	prctl(PR_SET_NAME, "orlop:[hooks]");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

_Noreturn static void run_all(struct runner *r)
{
	int64_t seconds = SPARE_S;
	auto_held h = HELD_NONE;
	struct err e;

	leave_caller();
	if (held_find(r->root, r->id, r->arena, &h, &e) < 0)
		h.dir = -1;
	r->state = state_text(h.dir, r->id, r->event, r->arena);
	held_close(&h);
	for (size_t i = 0; i < r->hooks.count; i++)
		seconds += seconds_of(&r->hooks.items[i]) + SPARE_S;
	/* Should we ourselves hang, as on a program that is on a dead file system. */
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned)seconds);
	for (size_t i = 0; i < r->hooks.count; i++)
		run_one(r, i);
	_exit(0);
}

int hook_start(const char *root, const char *id, const struct policy *policy,
	       const struct hook_event *event)
{
	auto_arena a = ARENA_NONE;
	struct runner r = { .root = root, .id = id, .event = event,
			    .hooks = policy->hooks[event->moment], .arena = &a,
			    .caller = getpid(), .parent = getppid() };
	pid_t pid;

	if (!r.hooks.count)
		return -1;
	pid = fork();
	if (pid == 0)
		run_all(&r);
	if (pid < 0)
		tell(&r, &r.hooks.items[0], "failed",
		     arena_printf(&a, "fork: %s", err_errno_text(errno)), 0);
	return pid < 0 ? -1 : pidfd_open(pid, 0);
}

void hook_run(const char *root, const char *id, const struct policy *policy,
	      const struct hook_event *event)
{
	const struct hook_list *hooks = &policy->hooks[event->moment];
	auto_fd int pidfd = hook_start(root, id, policy, event);
	int64_t ms = 0;

	for (size_t i = 0; i < hooks->count; i++)
		ms += seconds_of(&hooks->items[i]) * MS_PER_S + LEFT_MS;
	if (pidfd >= 0 && fd_wait_readable(pidfd, -1, (int)ms) < 0)
		return;		/* they end by themselves */
}
