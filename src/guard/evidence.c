/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Taking evidence: holds the container still, runs the stages in the order in which
 * things fade (registers, sockets, processes, memory, files, what is settled anyway), lets it go
 * as it was, and closes the set. What is missing is said in capture.json.
 *
 * A container that cannot be frozen is looked at all the same; then the files say "live".
 */
#include "orlop/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "config.h"
#include "engine/cgroup.h"
#include "guard/capture.h"
#include "guard/custody.h"
#include "guard/held.h"
#include "guard/still.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

enum { FREEZE_MS = 250, THAW_MS = 1000, PROBLEMS_MAX = 1000 };

static const struct {
	const char *name;
	capture_stage *run;
	bool files;			/* it looks at those that the first process sees */
} stages[] = {
	{ "registers", capture_registers },
	{ "sockets", capture_sockets },
	{ "queues", capture_queues },
	{ "processes", capture_tasks },
	{ "drift", capture_drift, true },
	{ "memory", capture_memory },
	{ "open files", capture_open_files, true },
	{ "temporary files", capture_temporary, true },
	{ "changed files", capture_upper, true },
	{ "runtime", capture_runtime },
	{ "host", capture_host },
	/* Last: criu runs code of its own in the processes. */
	{ "images of criu", capture_images },
};

/* What happened to a stage, for capture.json. */
struct told {
	uint64_t began, ended, bytes;
	bool cut, left_out;
};

struct run {
	struct capture c;
	struct told told[ARRAY_LEN(stages)];
	uint64_t began, freeze_asked, freeze_known, thawed;	/* of the real time clock; 0: not */
	uint64_t held_from, held_to;				/* of the monotonic one */
	int still;						/* from still_begin */
};

void capture_problem(struct capture *c, const char *where, const char *format, ...)
{
	struct capture_problem *items;
	char what[512];
	va_list ap;

	if (c->problems.count == PROBLEMS_MAX) {
		c->more_problems++;
		return;
	}
	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	if (c->problems.count == c->problems.room) {
		c->problems.room = c->problems.room ? 2 * c->problems.room : 16;
		items = arena_new_array(c->arena, struct capture_problem, c->problems.room);
		if (c->problems.count)
			memcpy(items, c->problems.items, c->problems.count * sizeof(*items));
		c->problems.items = items;
	}
	c->problems.items[c->problems.count++] = (struct capture_problem){
		arena_strdup(c->arena, where), arena_strdup(c->arena, what) };
}

/* ---- the container ----------------------------------------------------------------------- */

static int open_container(struct capture *c, const char *state_root, const char *id,
			  struct err *e)
{
	auto_fd int root = -1;
	int found;

	if (state_check_id(id, e) < 0)
		return -1;
	root = state_open_root(state_root, false, e);
	if (root < 0)
		return e->code == ENOENT ? err_set(e, ERR_STATE, "container does not exist") : -1;
	found = state_open(root, id, &c->dir, e);
	if (found != 0)
		return found < 0 ? -1 : err_set(e, ERR_STATE, "container does not exist");
	return 0;
}

/* The record may be unreadable: the file that names the cgroup was there before it. */
static int open_group(struct capture *c, struct err *e)
{
	struct err ignored;
	const char *mount = NULL, *path = NULL, *unit;
	int found = state_load(c->dir, c->arena, &c->record, &ignored);

	c->known = found == 0 && strcmp(c->record.id, c->id) == 0;
	c->making = found == STATE_ABSENT;
	if (!c->known)
		capture_problem(c, "state.json", "%s",
				found < 0 ? ignored.text : "there is none, or another container's");
	if (state_read_cgroup(c->dir, c->id, c->arena, &mount, &path, &unit,
			      &ignored) != 0) {
		mount = c->known ? c->record.cgroup_mount : "";
		path = c->known ? c->record.cgroup : "";
	}
	if (!*path) {
		capture_problem(c, "cgroup", "the container has none: only its first process is "
				"known, and it cannot be frozen");
		return c->known ? 0 : err_set(e, ERR_STATE, "container \"%.80s\" has neither a "
					      "record nor a cgroup", c->id);
	}
	c->cgroup = arena_printf(c->arena, "%s%s", mount, path);
	c->group = cgroup_open(mount, path, e);
	if (c->group < 0 && e->code != ENOENT)
		return -1;
	return 0;
}

/* ---- standing still ---------------------------------------------------------------------- */

static void hold(struct run *r)
{
	struct capture *c = &r->c;
	struct err e;
	int code;

	if (c->group < 0)
		return;
	r->still = still_begin(c->dir, c->group, &c->frozen_before);
	r->freeze_asked = sink_now(CLOCK_REALTIME);
	r->held_from = sink_now(CLOCK_MONOTONIC);
	/* Once it is asked for, everybody stops who comes by: late is not worthless. */
	code = cgroup_freeze(c->group, true, FREEZE_MS, &e);
	if (code < 0)
		capture_problem(c, "freeze", "%s", e.text);
	else if (code == CGROUP_TIMED_OUT)
		capture_problem(c, "freeze", "not everybody stood still within %d ms", FREEZE_MS);
	c->frozen = code == 0;
	r->freeze_known = sink_now(CLOCK_REALTIME);
}

static void let_go(struct run *r)
{
	struct capture *c = &r->c;
	struct err e;
	int code;

	if (c->group < 0)
		return;
	if (c->frozen && cgroup_frozen(c->group, &e) != 1)
		capture_problem(c, "freeze", "the container was resumed while it was looked at");
	if (!still_end(c->dir, r->still, c->frozen_before))
		return;
	code = held_go_on(c->dir, c->id, c->group, THAW_MS, &e);
	r->held_to = sink_now(CLOCK_MONOTONIC);
	r->thawed = sink_now(CLOCK_REALTIME);
	/* A quarantine that began meanwhile keeps it: that is no problem of ours. */
	if (code < 0 && e.kind != ERR_HELD)
		capture_problem(c, "thaw", "%s", e.text);
	else if (code > 0)
		capture_problem(c, "thaw", "it is still frozen: a cgroup above it may be");
}

/* ---- what happened ----------------------------------------------------------------------- */

static void tell_stages(struct run *r, struct emit *m)
{
	emit_array(m, "stages");
	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		const struct told *t = &r->told[i];

		emit_object(m, NULL);
		emit_str(m, "stage", stages[i].name);
		emit_str(m, "result", t->left_out ? "left out" : t->cut ? "cut off" : "taken");
		if (!t->left_out) {
			emit_u64(m, "began", t->began);
			emit_u64(m, "ended", t->ended);
			emit_u64(m, "bytes", t->bytes);
		}
		emit_end(m);
	}
	emit_end(m);
}

static void tell_options(const struct evidence_options *o, struct emit *m)
{
	static const char *const words[] = { "all", "anon", "none" };

	emit_object(m, "options");
	emit_str(m, "memory", words[o->memory]);
	emit_str(m, "fs", o->upper ? "upper" : "none");
	emit_bool(m, "queues", o->queues);
	emit_bool(m, "criu", o->dump != NULL);
	emit_u64(m, "budgetMs", o->budget_ms);
	emit_end(m);
}

static void tell_caller(struct emit *m)
{
	char bytes[4096];
	auto_fd int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

	emit_object(m, "caller");
	emit_u64(m, "uid", getuid());
	emit_i64(m, "pid", getpid());
	emit_i64(m, "ppid", getppid());
	if (proc >= 0 && file_read(proc, "cgroup", bytes, sizeof(bytes)) > 0)
		emit_str(m, "cgroup", bytes);
	if (proc >= 0 && file_read(proc, "loginuid", bytes, sizeof(bytes)) > 0)
		emit_str(m, "loginUid", bytes);
	emit_end(m);
}

/* Taken by itself before an end, and nobody ever held the container or was alarmed about it. */
static bool is_routine(const struct capture *c)
{
	return c->options->trigger && strcmp(c->options->trigger, "kill") == 0 &&
	       !guard_holds_back(c->dir, c->id) && !guard_alarmed(c->dir);
}

static int put_story(struct run *r, struct err *e)
{
	struct capture *c = &r->c;
	auto_arena scratch = ARENA_NONE;
	struct emit m = EMIT_IN(&scratch, 1);
	const char *text, *remediation, *word;

	emit_object(&m, NULL);
	emit_u64(&m, "version", 1);
	emit_str(&m, "tool", c->sink->manifest->tool);
	emit_str(&m, "id", c->id);
	emit_str(&m, "created", c->known ? c->record.created : NULL);
	emit_str(&m, "bundle", c->known ? c->record.bundle : NULL);
	tell_caller(&m);
	tell_options(c->options, &m);
	emit_u64(&m, "began", r->began);
	emit_u64(&m, "ended", sink_now(CLOCK_REALTIME));
	emit_bool(&m, "complete", !c->sink->stopped);
	emit_str(&m, "stopped", c->sink->stopped);
	remediation = guard_state(c->dir, c->id, c->group, c->arena, &word);
	if (remediation)
		emit_raw(&m, "remediation", remediation);
	emit_bool(&m, "frozenBefore", c->frozen_before);
	emit_bool(&m, "still", c->frozen);
	emit_bool(&m, "ioUring", c->rings);
	if (c->options->trigger)
		emit_str(&m, "trigger", c->options->trigger);
	emit_bool(&m, "routine", is_routine(c));
	emit_u64(&m, "freezeAsked", r->freeze_asked);
	emit_u64(&m, "freezeKnown", r->freeze_known);
	emit_u64(&m, "thawed", r->thawed);
	/* It may have been frozen before, and stay so. */
	emit_u64(&m, "heldNs", r->held_to ? r->held_to - r->held_from : 0);
	emit_u64(&m, "processes", c->process_count);
	capture_tell_images(c, &m);
	tell_stages(r, &m);
	emit_array(&m, "problems");
	for (size_t i = 0; i < c->problems.count; i++) {
		emit_object(&m, NULL);
		emit_str(&m, "where", c->problems.items[i].where);
		emit_str(&m, "what", c->problems.items[i].what);
		emit_end(&m);
	}
	emit_end(&m);
	emit_u64(&m, "moreProblems", c->more_problems);
	emit_end(&m);
	text = emit_get(&m);
	c->sink->last_words = true;
	return sink_put(c->sink, "capture.json", text, strlen(text), sink_now(CLOCK_REALTIME),
			SETTLED, "", e);
}

/* ---- the whole --------------------------------------------------------------------------- */

static bool is_wanted(const struct capture *c, size_t stage)
{
	if (c->making && stages[stage].files)
		return false;
	return stages[stage].run != capture_images || c->options->dump;
}

static int run_stages(struct run *r, struct err *e)
{
	struct sink *s = r->c.sink;
	int code = 0;

	for (size_t i = 0; i < ARRAY_LEN(stages) && code >= 0; i++) {
		struct told *t = &r->told[i];

		if (!is_wanted(&r->c, i) || sink_is_over(s)) {
			t->left_out = true;
			continue;
		}
		s->stage = stages[i].name;
		t->began = sink_now(CLOCK_REALTIME);
		t->bytes = s->bytes;
		code = stages[i].run(&r->c, e);
		t->bytes = s->bytes - t->bytes;
		t->ended = sink_now(CLOCK_REALTIME);
		t->cut = code == SINK_STOPPED || (code == 0 && s->stopped);
	}
	return code < 0 ? -1 : 0;
}

/* Signals end it as the budget does: the container is let go, and the set is valid. */
static void listen_to_signals(struct sigaction before[3])
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = sink_interrupt };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &action, &before[i]);
}

static void leave_signals(struct sigaction before[3])
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &before[i], NULL);
}

static void close_processes(struct capture *c)
{
	for (size_t i = 0; i < c->process_count; i++)
		auto_close_fd(&c->processes[i].proc);
	auto_close_fd(&c->group);
	auto_close_fd(&c->dir);
}

static int take_held(struct run *r, struct err *e)
{
	int code;

	hold(r);
	code = capture_find(&r->c, e);
	if (code == 0)
		code = run_stages(r, e);
	let_go(r);
	return code;
}

static int take_all(struct run *r, const char *state_root, struct sink *s, struct err *e)
{
	struct capture *c = &r->c;
	struct sigaction before[3];
	int code;

	if (open_container(c, state_root, c->id, e) < 0 || open_group(c, e) < 0 ||
	    sink_open(s, c->options->output, e) < 0)
		return -1;
	if (c->options->budget_ms)
		s->end_ms = fd_now_ms() + c->options->budget_ms;
	s->progress = c->options->progress;
	listen_to_signals(before);
	code = take_held(r, e);
	if (code == 0)
		code = put_story(r, e) < 0 || sink_finish(s, e) < 0 ? -1 : 0;
	leave_signals(before);
	return code;
}

static const char *why_no_images(const struct capture *c)
{
	if (!c->options->dump || c->images.why)
		return c->images.why;
	return c->images.result ? NULL : "there was no time for them";
}

int evidence_take(const char *state_root, const char *id, const struct evidence_options *options,
		  struct arena *a, struct evidence_result *ret, struct err *e)
{
	struct manifest manifest = { .id = id, .tool = "orlop " ORLOP_VERSION };
	auto_sink sink = SINK_NONE;
	struct run r = {
		.c = { .options = options, .arena = a, .id = id, .dir = -1, .group = -1,
		       .cgroup = "" },
		.began = sink_now(CLOCK_REALTIME),
	};
	int code;

	sink.arena = a;
	sink.manifest = &manifest;
	r.c.sink = &sink;
	code = take_all(&r, state_root, &sink, e);
	close_processes(&r.c);
	if (code < 0) {
		custody_note(state_root, id, options, -1, NULL, e);
		return -1;
	}
	*ret = (struct evidence_result){
		.files = manifest.rows.count, .bytes = sink.bytes,
		.problems = r.c.problems.count + r.c.more_problems, .stopped = sink.stopped,
		.no_images = why_no_images(&r.c),
		.held_us = (r.held_to - r.held_from) / 1000, .held = r.held_to != 0,
		.still = r.c.frozen,
	};
	manifest_root(&manifest, a, ret->root);
	code = sink.stopped || ret->no_images ? EVIDENCE_PARTIAL : 0;
	ret->logged = custody_note(state_root, id, options, code, ret, NULL);
	return code;
}
