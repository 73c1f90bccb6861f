/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/criu.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/cgroup_options.h"
#include "engine/criu_message.h"
#include "engine/criu_process.h"
#include "orlop/auto.h"

enum {
	ANSWER_MAX = 64 * 1024,
	VERSION_MIN = 31600,		/* 3.16: pid namespaces and LSM profiles of the outside */
	VERSION_NO_LOCK = 31900,
	CAUSE_MAX = 400,
	STEP_MS = 100,			/* between two questions whether it is over */
	QUIET_MS = 1000,		/* that criu may do nothing once it is over, */
	WORK_NS = 5000000,		/* which is less than this of a processor */
	LEAVE_MS = 10000,		/* and that its way out may take */
	LOOK_MS = 1000,			/* between two looks at what a restore has used */
	STILL_MS = 20000,		/* without an instruction it is not going to go on */
};

struct talk {
	const struct criu_request *r;
	struct criu_process criu;
	const char *cgroup_options;	/* as they were before; or NULL */
	uint64_t version;		/* of criu */
	int64_t leave_ms;		/* of CLOCK_MONOTONIC: killed then; 0: it is not over */
	int64_t still_ms;		/* the same, if it does nothing until then; 0: not asked */
	int64_t used;			/* of the processor, when it last did something */
	bool killed, hung;
	struct arena *a;
};

static int ask(struct talk *t, const struct text *message, struct err *e)
{
	if (send(t->criu.socket, text_get(message), message->len, MSG_NOSIGNAL) < 0)
		return err_sys(e, "criu: send");
	return 0;
}

/* Whether it has used less than `least` more of a processor for so long, now being at `used`. */
static bool is_still(struct talk *t, int64_t used, int64_t least, int for_ms)
{
	int64_t now = fd_now_ms();

	if (!t->still_ms || used < t->used || used - t->used >= least) {
		t->still_ms = now + for_ms;
		t->used = used;
	}
	return now >= t->still_ms;
}

/*
 * By its own way out of an error first: that takes its code out of the processes again. On a busy
 * machine it is slow, and killed half way it does harm: only who stands still is not waited for.
 */
static void hurry(struct talk *t)
{
	if (!t->leave_ms) {
		t->leave_ms = fd_now_ms() + LEAVE_MS;
		criu_process_starve(&t->criu);
	}
	if (!is_still(t, criu_process_used(&t->criu), WORK_NS, QUIET_MS) &&
	    fd_now_ms() < t->leave_ms)
		return;
	criu_process_kill(&t->criu);
	t->killed = true;
}

/*
 * A restore that fails late can hang: criu waits for the first process, which waits for those in
 * its pid namespace, which are dead, but criu traces them and does not look. All that it makes is
 * in one group with it, so that a group without an instruction tells; memory that comes from a
 * network may take longer.
 */
static bool is_watched(const struct criu_request *r)
{
	return r->what == CRIU_RESTORE && r->cgroup >= 0 && !r->lazy_pages;
}

static int wait_for_word(struct talk *t)
{
	int step = t->r->over ? STEP_MS : is_watched(t->r) ? LOOK_MS : -1;

	/* What we did ourselves since its last word took its time. */
	t->still_ms = 0;
	for (;;) {
		int ready = fd_wait_readable(t->criu.socket, t->criu.pidfd, step);

		if (ready != FD_TIMED_OUT)
			return ready;
		if (is_watched(t->r)) {
			if (!is_still(t, (int64_t)criu_process_group_used(&t->criu), 1, STILL_MS))
				continue;
			t->hung = true;
			criu_process_kill(&t->criu);
		} else if (!t->killed && (t->r->over(t->r->argument) || t->leave_ms)) {
			hurry(t);
		}
	}
}

/* Options that it does not know are an error that criu writes nowhere but to its output. */
static int without_cause(const struct talk *t, const char *what, struct err *e)
{
	const char *file = t->r->config_file;

	(void)err_set(e, ERR_SYSTEM, "criu: %s", what);
	return file ? err_hint(e, "it was told to read %.200s: criu check --config FILE says what it "
			       "does not know there", file) : -1;
}

/* It is over, and nothing was said: there may be something in its log. */
static int without_answer(struct talk *t, struct err *e)
{
	const char *how = t->hung ? "it hung, and was killed" : "it ended without an answer";
	const char *cause = criu_log_cause(t->r->work, t->r->log_file, t->a);

	return cause ? err_set(e, ERR_SYSTEM, "criu: %.*s (%s)", CAUSE_MAX, cause, how) :
		       without_cause(t, how, e);
}

/* The one answer, or one of many; with a terminal there is a descriptor. */
static int hear(struct talk *t, struct criu_answer *ret, int *ret_fd, struct err *e)
{
	static unsigned char bytes[ANSWER_MAX];
	int ready = wait_for_word(t);
	ssize_t len;

	*ret_fd = -1;
	if (ready < 0)
		return err_sys(e, "criu: wait");
	/* A criu that died may have left an answer. */
	len = fd_receive(t->criu.socket, bytes, sizeof(bytes), MSG_DONTWAIT, ret_fd);
	if (len <= 0 && t->leave_ms)
		return err_set(e, ERR_SYSTEM, "criu: it did not stop in time, and was killed");
	if (len <= 0)
		return without_answer(t, e);
	if ((size_t)len == sizeof(bytes))
		return err_set(e, ERR_SYSTEM, "criu: an answer is too long");
	if (criu_message_read((struct wire){ bytes, bytes + len }, t->a, ret))
		return 0;
	auto_close_fd(ret_fd);
	return err_set(e, ERR_SYSTEM, "criu: an answer cannot be read");
}

static int check_version(struct talk *t, struct err *e)
{
	struct text message = TEXT_IN(t->a);
	struct criu_answer answer;
	auto_fd int fd = -1;

	wire_number(&message, 1, CRIU_VERSION);
	wire_number(&message, 4, 1);		/* and listen for more */
	if (ask(t, &message, e) < 0 || hear(t, &answer, &fd, e) < 0)
		return -1;
	if (!answer.success || answer.version < VERSION_MIN)
		return err_set(e, ERR_SYSTEM, "criu: version 3.16 or newer is needed");
	t->version = answer.version;
	return 0;
}

/* It mounts cgroup2 for itself, without options. */
static int keep_cgroup_options(struct talk *t, struct err *e)
{
	return t->cgroup_options ? cgroup_options_keep(t->r->cgroup_mount, t->cgroup_options, t->a,
						       e) : 0;
}

static int tell_stage(struct talk *t, const struct criu_answer *answer, int fd, struct err *e)
{
	struct text message = TEXT_IN(t->a);
	int result = keep_cgroup_options(t, e);
	struct err ignored;

	if (result == 0 && t->r->stage && answer->script)
		result = t->r->stage(t->r->argument, answer->script, answer->pid, fd, e);

	wire_number(&message, 1, CRIU_NOTIFY);
	wire_number(&message, 3, result == 0);
	if (result == 0)
		return ask(t, &message, e);
	(void)ask(t, &message, &ignored);
	return -1;
}

static int refused(struct talk *t, const struct criu_answer *answer, struct err *e)
{
	const char *cause = criu_log_cause(t->r->work, t->r->log_file, t->a);

	if (t->leave_ms)
		return err_set(e, ERR_SYSTEM, "criu: it had to stop before it was done");
	if (!cause && answer->message && *answer->message)
		cause = answer->message;
	return cause ? err_set(e, ERR_SYSTEM, "criu: %.*s", CAUSE_MAX, cause) :
		       without_cause(t, "no reason was given", e);
}

static int converse(struct talk *t, struct err *e)
{
	struct text options = criu_message_options(t->r, t->a), message = TEXT_IN(t->a);
	struct criu_answer answer;
	int result;

	if (t->r->no_network_lock && t->version >= VERSION_NO_LOCK)
		criu_message_no_lock(&options);
	wire_number(&message, 1, (int)t->r->what);
	wire_message(&message, 2, &options);
	if (ask(t, &message, e) < 0)
		return -1;
	do {
		auto_fd int fd = -1;

		if (hear(t, &answer, &fd, e) < 0)
			return -1;
		if (!answer.success)
			return refused(t, &answer, e);
		result = answer.type == CRIU_NOTIFY ? tell_stage(t, &answer, fd, e) : 1;
	} while (result == 0);
	if (result < 0 || answer.type == t->r->what)
		return result < 0 ? -1 : 0;
	return err_set(e, ERR_SYSTEM, "criu: an answer to something else");
}

int criu_run(const struct criu_request *r, struct arena *a, struct err *e)
{
	struct talk t = {
		.r = r, .a = a, .criu = { .r = r, .pid = -1, .pidfd = -1, .socket = -1 },
	};
	struct err later;
	int result, status;

	if (r->cgroup_mount) {
		t.cgroup_options = cgroup_options(r->cgroup_mount, a, e);
		if (!t.cgroup_options)
			return -1;
	}
	if (criu_process_start(&t.criu, e) < 0 || check_version(&t, e) < 0)
		result = -1;
	else
		result = converse(&t, e);
	status = criu_process_end(&t.criu);
	if (keep_cgroup_options(&t, result == 0 ? e : &later) < 0)
		return -1;

	/* After a pre-dump it waits for the dump, which will be another's. */
	if (result == 0 && status != 0 && r->what != CRIU_PRE_DUMP)
		return err_set(e, ERR_SYSTEM, "criu ended with status %d", status);
	return result;
}
