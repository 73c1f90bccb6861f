/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The loop: a line, the rule that it matches, the containers that it is about, a job
 * for each, and a result for each line. Nothing here waits for a container. A line that is too
 * long, or is none, is told of and passed over; while there is no place for a job none is read,
 * so that whoever writes them notices.
 */
#include "orlop/respond.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "respond/job.h"
#include "respond/rate.h"
#include "respond/rules.h"
#include "respond/target.h"

enum { RULES_MAX = 1 << 20, WORD_MAX = 200, REAP_MS = 1000 };

struct respond {
	const struct respond_options *options;
	struct rules rules;
	struct rate rate;
	struct jobs jobs;
	int signals;
	bool ended;			/* the input, or we were asked to */
	char *line;			/* EVENT_LINE_MAX bytes */
	size_t len;
	bool skipping;			/* until the end of a line that is too long */
};

/* What is known of an event, for its result. */
struct told {
	const struct event *event;	/* NULL: it could not be read */
	const struct rule *rule;
	const struct target *target;
	uint64_t began_us;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- telling ----------------------------------------------------------------------------- */

static void emit_word(struct emit *m, const char *key, const char *word, struct arena *a)
{
	if (word)
		emit_str(m, key, arena_strndup(a, word, strnlen(word, WORD_MAX)));
}

/* Everything but what came of it; the object stays open. */
static void begin_result(struct emit *m, const struct told *t, struct arena *a)
{
	emit_object(m, NULL);
	if (t->event) {
		emit_object(m, "event");
		emit_str(m, "source", t->event->source);
		emit_word(m, "rule", t->event->rule, a);
		emit_word(m, "priority", t->event->priority_word, a);
		emit_word(m, "time", t->event->time, a);
		emit_end(m);
		emit_word(m, "container", t->target ? t->target->id : t->event->container, a);
	}
	if (t->target)
		emit_str(m, "root", t->target->root);
	if (t->rule)
		emit_word(m, "matched", t->rule->name, a);
}

static int end_result(struct respond *r, struct emit *m, const char *result, const char *detail,
		      uint64_t began_us, struct err *e)
{
	emit_str(m, "result", result);
	if (detail)
		emit_str(m, "detail", detail);
	emit_u64(m, "microseconds", now_us() - began_us);
	emit_end(m);
	return r->options->tell(r->options->argument, emit_get(m), e);
}

/* A result without a job. */
static int tell(struct respond *r, const struct told *t, const char *result, const char *detail,
		struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct emit m = EMIT_IN(&a, 0);

	if (r->options->quiet && t->event && !t->rule)
		return 0;
	begin_result(&m, t, &a);
	return end_result(r, &m, result, detail, t->began_us, e);
}

/* The result of a job. Its head is an object without its end. */
static int tell_job(struct respond *r, const struct job *job, enum job_end end, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);
	bool failed = strstr(job->text, "\"result\":\"failed\"") != NULL;

	text_puts(&t, job->head);
	if (end == JOB_DONE)
		text_printf(&t, ",\"actions\":%s", job->text);
	text_printf(&t, ",\"result\":\"%s\",\"microseconds\":%llu}",
		    end == JOB_GIVEN_UP ? "timeout" : end == JOB_DIED || failed ? "failed" : "done",
		    (unsigned long long)(now_us() - job->began_us));
	return r->options->tell(r->options->argument, text_get(&t), e);
}

/* ---- an event ---------------------------------------------------------------------------- */

static bool is_allowed(struct respond *r, const struct rule *rule, const struct target *target)
{
	size_t index = (size_t)(rule - r->rules.items.items);
	uint32_t count = rule->rate.count ? rule->rate.count : RATE_COUNT;
	uint32_t seconds = rule->rate.seconds ? rule->rate.seconds : RATE_SECONDS;
	bool each = rule->rate.per == PER_CONTAINER;

	return rate_take(&r->rate, rate_key(index, each ? target->root : "", each ? target->id : ""),
			 count, seconds, fd_now_ms());
}

/* The text of a result up to where a job's own part comes. */
static const char *head_of(const struct told *t, struct arena *a)
{
	struct emit m = EMIT_IN(a, 0);
	const char *text;

	begin_result(&m, t, a);
	emit_end(&m);
	text = emit_get(&m);
	return arena_strndup(a, text, strlen(text) - 1);
}

/* Nothing is done to the container, so nothing can hang. */
static bool is_only_told(const struct rule *rule)
{
	for (size_t i = 0; i < rule->actions.count; i++)
		if (rule->actions.items[i] != ACTION_LOG)
			return false;
	return true;
}

static int respond_to(struct respond *r, struct told *t, struct arena *a, struct err *e)
{
	uint64_t key = rate_key(0, t->target->root, t->target->id);
	struct err failed;
	int code;

	if (r->options->dry_run)
		return tell(r, t, "dry-run", NULL, e);
	/* One that cannot be ended keeps its place; what comes after it is told, not done. */
	if (job_busy(&r->jobs, key, t->rule) || !job_room(&r->jobs))
		return tell(r, t, "busy", "earlier actions have not ended", e);
	if (!is_allowed(r, t->rule, t->target))
		return tell(r, t, "rate-limited", NULL, e);
	if (is_only_told(t->rule)) {
		code = action_note(t->rule, t->event, t->target, &failed);
		return tell(r, t, code < 0 ? "failed" : "done", code < 0 ? failed.text : NULL, e);
	}
	if (job_start(&r->jobs, r->options->life, t->rule, t->event, t->target, key, t->began_us,
		      head_of(t, a), &failed) < 0)
		return tell(r, t, "failed", failed.text, e);
	return 0;
}

static int handle(struct respond *r, const char *line, size_t len, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_doc doc = DOC_NONE;
	struct told t = { .began_us = now_us() };
	struct event event;
	struct targets targets;
	struct err why;
	int code;

	if (strspn(line, " \t\r") >= len)
		return 0;
	code = event_read(line, len, &a, &doc, &event, &why);
	if (code < 0)
		return tell(r, &t, "malformed", why.text, e);
	if (code == EVENT_UNKNOWN)
		return tell(r, &t, "unknown-event", "neither Falco's nor Tetragon's", e);
	t.event = &event;
	t.rule = rules_match(&r->rules, &event);
	if (!t.rule)
		return tell(r, &t, "no-rule", NULL, e);
	target_find(&r->options->roots, &event, t.rule->scope, &a, &targets);
	if (!targets.count)
		return tell(r, &t, "no-container", targets.why, e);
	for (size_t i = 0; i < targets.count; i++) {
		t.target = &targets.items[i];
		if (respond_to(r, &t, &a, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

static int too_long(struct respond *r, struct err *e)
{
	struct told t = { .began_us = now_us() };

	r->skipping = true;
	r->len = 0;
	return tell(r, &t, "too-long", "a line of more than 262144 bytes", e);
}

/* The first line that is complete, if there is one. 1, 0, or -1. */
static int next_line(struct respond *r, struct err *e)
{
	char *end = memchr(r->line, '\n', r->len);
	size_t len = end ? (size_t)(end - r->line) : r->len;
	int code = 0;

	if (!end)
		return r->len < EVENT_LINE_MAX ? 0 : r->skipping ? (r->len = 0, 0) : too_long(r, e);
	*end = '\0';
	if (!r->skipping)
		code = handle(r, r->line, len, e);
	r->skipping = false;
	r->len -= len + 1;
	memmove(r->line, end + 1, r->len);
	return code < 0 ? -1 : 1;
}

/* As long as there is a place for a job: a line is not taken that could not be answered. */
static int take_lines(struct respond *r, struct err *e)
{
	int code = 1;

	while (code > 0 && r->jobs.count < JOBS_MAX)
		code = next_line(r, e);
	return code < 0 ? -1 : 0;
}

static int read_more(struct respond *r, struct err *e)
{
	ssize_t n = read(r->options->input, r->line + r->len, EVENT_LINE_MAX - r->len);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : err_sys(e, "read the events");
	r->len += (size_t)n;
	if (n == 0) {
		r->ended = true;
		/* A last line may have no newline. */
		if (r->len && r->len < EVENT_LINE_MAX && !r->skipping) {
			r->line[r->len] = '\n';
			r->len++;
		}
	}
	return 0;
}

/* ---- the loop ---------------------------------------------------------------------------- */

static int look_at_jobs(struct respond *r, const struct pollfd *polled, size_t count,
			struct err *e)
{
	/* From the last: what is dropped is replaced by the last. */
	for (size_t i = count; i-- > 0;) {
		enum job_end end = job_look(&r->jobs, i, polled[i].revents != 0);

		if (end == JOB_GOES_ON)
			continue;
		if (tell_job(r, &r->jobs.items[i], end, e) < 0)
			return -1;
		job_drop(&r->jobs, i);
	}
	job_reap(&r->jobs);
	return 0;
}

static bool has_line(const struct respond *r)
{
	return memchr(r->line, '\n', r->len) != NULL;
}

/* Asked to end: what was not begun yet is not begun. */
static void stop(struct respond *r)
{
	struct signalfd_siginfo info;

	if (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
		r->ended = true;
		r->len = 0;
	}
}

static int loop(struct respond *r, struct err *e)
{
	struct pollfd p[JOBS_MAX + 2];

	while (!r->ended || r->jobs.count || has_line(r)) {
		size_t count = r->jobs.count;
		bool reads = !r->ended && count < JOBS_MAX && r->len < EVENT_LINE_MAX;
		int wait = job_wait_ms(&r->jobs);

		if (r->jobs.stuck_count && (wait < 0 || wait > REAP_MS))
			wait = REAP_MS;
		job_poll(&r->jobs, p);
		p[count] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
		p[count + 1] = (struct pollfd){ .fd = reads ? r->options->input : -1,
						.events = POLLIN };
		if (poll(p, count + 2, wait) < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (look_at_jobs(r, p, count, e) < 0)
			return -1;
		if (p[count].revents)
			stop(r);
		if (reads && p[count + 1].revents && !r->ended && read_more(r, e) < 0)
			return -1;
		if (take_lines(r, e) < 0)
			return -1;
	}
	return 0;
}

static int load_rules(const char *path, struct arena *a, struct rules *ret, struct err *e)
{
	size_t len;
	char *text = file_read_path(path, RULES_MAX, a, &len);

	if (!text)
		return err_sys(e, "rules \"%.200s\"", path);
	return rules_read(path, text, len, a, ret, e);
}

int respond_run(const struct respond_options *options, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_free struct respond *r = calloc(1, sizeof(*r));
	auto_free char *line = malloc(EVENT_LINE_MAX + 1);
	sigset_t stops;

	if (!r || !line)
		return err_sys(e, "memory");
	r->options = options;
	r->line = line;
	if (load_rules(options->rules, &a, &r->rules, e) < 0)
		return -1;
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, NULL);
	auto_fd int signals = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return err_sys(e, "signalfd");
	r->signals = signals;
	return loop(r, e);
}
