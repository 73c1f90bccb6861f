/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The last look: what happens between somebody's wish to end a container and its end.
 * A kill is never refused, and held up no longer than the budget: the evidence is taken by a
 * process of its own, because what it reads may be the container's to withhold (a file system that
 * does not answer). When the time is over the container is ended; a reader that was stuck is let
 * go by that, closes its set as it is, and says so in the audit log by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "config.h"
#include "engine/cgroup_dir.h"
#include "guard/custody.h"
#include "guard/freeze.h"
#include "guard/held.h"
#include "guard/keep.h"
#include "orlop/auto.h"
#include "orlop/policy.h"

/* CLOSING_MS: what the set's end takes. AFTER_S: how long a reader may be stuck then. */
enum { CLOSING_MS = 200, AFTER_S = 60, ANSWER_MAX = 1200, RESULT_AT = 3 };

struct last {
	const char *root, *id, *directory, *set, *trigger;
	struct policy policy;
	unsigned budget_ms;
	bool routine;			/* it was neither held nor alarmed about */
};

static bool is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool guard_concerns(int dir)
{
	return is_there(dir, JOURNAL_FILE) || is_there(dir, POLICY_FILE) || guard_alarmed(dir);
}

bool guard_holds_back(int dir, const char *id)
{
	auto_arena a = ARENA_NONE;
	struct journal j = JOURNAL_CLOSED;
	struct err ignored;

	return is_there(dir, JOURNAL_FILE) &&
	       (journal_peek(dir, id, &a, &j, &ignored) < 0 || j.phase != JOURNAL_NONE);
}

/* Whether evidence has to be taken now. `j` is that of the container. */
static bool is_wanted(const struct policy *policy, const struct journal *j, int dir)
{
	bool held = j->phase != JOURNAL_NONE;

	if (held && j->settled)
		return false;
	switch (policy->on_kill) {
	case POLICY_KILL_AT_ONCE:
		return false;
	case POLICY_KILL_HELD:
		return held;
	case POLICY_KILL_ALARMED:
		return held || guard_alarmed(dir);
	case POLICY_KILL_ALWAYS:
		break;
	}
	return true;
}

/* mkdir -p, 0700 for what is new. */
static int make_directories(const char *path)
{
	char part[512];

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST && errno != EROFS)
			return -1;
		*p = '/';
	}
	return mkdir(part, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

/* ---- the process that looks ---- */

/* Only the pipe stays open: an engine may wait for the end of the others. */
static void leave_caller(int answer)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < RESULT_AT && null >= 0; i++)
		dup2(null, i);
	dup2(answer, RESULT_AT);
	close_range(RESULT_AT + 1, ~0u, 0);
	setsid();
	prctl(PR_SET_NAME, "orlop:[look]");
}

static uint64_t most_of(const struct last *l)
{
	uint64_t mib = l->policy.evidence.max_mib;

	return (mib ? mib : POLICY_EVIDENCE_MIB) << 20;
}

/* Routine sets make room. A proof is taken also where that is not enough: the disk bounds it. */
static bool is_full(const struct last *l, struct arena *a)
{
	return keep_bound(l->root, l->directory, most_of(l), a) > most_of(l) && l->routine;
}

/* What making room took is not there any more. */
static int take_until(int64_t end, const struct last *l, struct evidence_options *options,
		      struct arena *a, struct evidence_result *ret, struct err *e)
{
	int64_t left = end - fd_now_ms();

	options->budget_ms = left > 1 ? (unsigned)left : 1;
	return evidence_take(l->root, l->id, options, a, ret, e);
}

_Noreturn static void look(const struct last *l, int answer)
{
	auto_arena a = ARENA_NONE;
	const struct policy_evidence *wanted = &l->policy.evidence;
	struct evidence_options options = {
		.output = l->set, .memory = wanted->memory, .upper = !wanted->no_upper,
		.queues = wanted->queues, .trigger = l->trigger,
	};
	int64_t end = fd_now_ms() + (l->budget_ms > 2 * CLOSING_MS ? l->budget_ms - CLOSING_MS :
				     l->budget_ms / 2);
	struct evidence_result result;
	const char *text;
	struct err e;
	int code;

	leave_caller(answer);
	signal(SIGALRM, SIG_DFL);
	alarm(l->budget_ms / 1000 + AFTER_S);
	if (make_directories(l->directory) < 0)
		code = err_sys(&e, "make \"%.200s\"", l->directory);
	else if (is_full(l, &a))
		code = err_set(&e, ERR_POLICY, "\"%.200s\" has more than %llu MiB, and no routine "
			       "sets that could go: orlop evidence prune", l->directory,
			       (unsigned long long)(most_of(l) >> 20));
	else
		code = take_until(end, l, &options, &a, &result, &e);
	text = code < 0 ? arena_printf(&a, "none: %s", e.text) :
	       arena_printf(&a, "%s%s", code > 0 ? "partial, " : "", l->set);
	/* When nobody waits any more, it is in the audit log. */
	_exit(write(RESULT_AT, text, strlen(text)) < 0);
}

/* What came of it within the budget, in words. */
static const char *wait_for(int answer, pid_t pid, unsigned budget_ms, struct arena *a)
{
	char text[ANSWER_MAX];
	ssize_t n;

	if (fd_wait_readable(answer, -1, (int)budget_ms) == FD_TIMED_OUT)
		return arena_printf(a, "not complete after %u ms", budget_ms);
	n = read(answer, text, sizeof(text));
	waitpid(pid, NULL, 0);		/* it has nothing more to do */
	return n > 0 ? arena_strndup(a, text, (size_t)n) : "none: who took it was ended";
}

static const char *take_it(const struct last *l, struct arena *a)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return arena_printf(a, "none: pipe: %s", err_errno_text(errno));
	auto_fd int answer = ends[0];
	auto_fd int other = ends[1];

	pid = fork();
	if (pid == 0)
		look(l, other);
	if (pid < 0)
		return arena_printf(a, "none: fork: %s", err_errno_text(errno));
	auto_close_fd(&other);
	return wait_for(answer, pid, l->budget_ms, a);
}

/* Where, how and for how long, by the policy. */
static void prepare(struct last *l, struct arena *a)
{
	l->directory = l->policy.evidence.directory ? l->policy.evidence.directory :
		       ORLOP_EVIDENCE_DIR;
	l->budget_ms = l->policy.evidence.budget_ms ? l->policy.evidence.budget_ms :
		       POLICY_BUDGET_MS;
	l->set = keep_name(l->directory, l->id, a);
}

int guard_evidence(const char *root, const char *id, int dir, const char *trigger,
		   struct arena *a, const char **ret_set, struct err *e)
{
	struct last l = { .root = root, .id = id, .trigger = trigger };
	struct err ignored;
	const char *what;

	policy_load(dir, a, &l.policy, &ignored);
	prepare(&l, a);
	what = take_it(&l, a);
	if (strcmp(what, l.set) != 0)
		return err_set(e, ERR_STATE, "evidence: %s", what);
	*ret_set = l.set;
	return 0;
}

void guard_before_end(const char *root, const char *id, int dir, struct arena *a,
		      struct guard_end *ret)
{
	struct last l = { .root = root, .id = id, .trigger = "kill" };
	struct cgroup_events events = { 0 };
	struct journal j = JOURNAL_CLOSED;
	auto_held h = HELD_NONE;
	struct err e;

	*ret = (struct guard_end){ .concerned = guard_concerns(dir) };
	if (!ret->concerned)
		return;
	policy_load(dir, a, &l.policy, &e);
	if (journal_peek(dir, id, a, &j, &e) < 0)
		j.phase = JOURNAL_BEGUN;
	if (!is_wanted(&l.policy, &j, dir)) {
		ret->evidence = j.evidence;
		return;
	}
	if (held_find(root, id, a, &h, &e) < 0 || h.group < 0 ||
	    cgroup_events_get(h.group, &events) != 0 || !events.populated)
		return;
	prepare(&l, a);
	l.routine = j.phase == JOURNAL_NONE && !guard_alarmed(dir);
	/* From here on it stands still, until it dies of SIGKILL as it is. */
	if (freeze_ask(h.group, true, &e) < 0)
		ret->evidence = arena_printf(a, "live: %s; %s", e.text, take_it(&l, a));
	else
		ret->evidence = take_it(&l, a);
}
