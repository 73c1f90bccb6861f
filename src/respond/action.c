/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The actions, each a call of what the command of its name calls.
 */
#include "respond/action.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "json/emit.h"
#include "orlop/guard.h"

enum {
	PAUSE_MS = 1000,
	ONE_MS = 10000,			/* for each action but evidence */
	EVIDENCE_MS = 30000,		/* the budget where the rule says none */
	DETAIL_MAX = 300,
};

struct act {
	const struct life *life;	/* with the target's root */
	const struct rule *rule;
	const struct event *event;
	const char *id;
	struct arena *arena;
	struct emit *m;
};

int action_limit_ms(const struct rule *rule)
{
	int limit = 0;

	for (size_t i = 0; i < rule->actions.count; i++) {
		limit += ONE_MS;
		if (rule->actions.items[i] == ACTION_EVIDENCE)
			limit += (int)(rule->evidence.budget_ms ? rule->evidence.budget_ms
								: EVIDENCE_MS);
	}
	return limit;
}

static void tell(struct act *x, const char *key, const char *text)
{
	if (text && *text)
		emit_str(x->m, key, arena_strndup(x->arena, text, strnlen(text, DETAIL_MAX)));
}

static void fail(struct act *x, const struct err *e)
{
	emit_str(x->m, "result", "failed");
	tell(x, "detail", arena_strndup(x->arena, e->text, strcspn(e->text, "\n")));
}

static void act_pause(struct act *x)
{
	struct err e;

	if (life_pause(x->life, x->id, PAUSE_MS, &e) < 0)
		fail(x, &e);
	else
		emit_str(x->m, "result", "paused");
}

/* What keeps a quarantine from being complete, in a few words. */
static const char *gaps(const struct guard_report *r, struct arena *a)
{
	struct text t = TEXT_IN(a);

	for (size_t i = 0; i < r->mechanisms.count; i++)
		if (r->mechanisms.items[i].outcome == GUARD_BUSY ||
		    r->mechanisms.items[i].outcome == GUARD_FAILED)
			text_printf(&t, "%s%s %s", t.len ? ", " : "", r->mechanisms.items[i].name,
				    guard_outcome_word(r->mechanisms.items[i].outcome));
	for (size_t i = 0; i < r->findings.count; i++)
		if (r->findings.items[i].held == GUARD_HELD_OPEN)
			text_printf(&t, "%sopen %s", t.len ? ", " : "", r->findings.items[i].kind);
	return text_get(&t);
}

/* The reason that stands in the journal: the rule's own, and what it was about. */
static const char *reason(const struct act *x)
{
	return arena_printf(x->arena, "%s: %s \"%.200s\"",
			    x->rule->reason ? x->rule->reason : x->rule->name, x->event->source,
			    x->event->rule);
}

static void act_quarantine(struct act *x)
{
	struct guard_request request = {
		.id = x->id, .reason = reason(x), .trigger = x->event->source,
		.observe = x->rule->observe,
		.sever = x->rule->sever, .allow = x->rule->allow,
	};
	struct guard_report report;
	struct err e;

	if (guard_quarantine(x->life->root, &request, x->arena, &report, &e) < 0) {
		fail(x, &e);
		return;
	}
	emit_str(x->m, "result", guard_result_word(report.result));
	if (report.result != GUARD_CONTAINED)
		tell(x, "detail", gaps(&report, x->arena));
}

/* A name that sorts by time and is new: the id, the second, the process. */
static const char *evidence_path(const struct act *x)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return arena_printf(x->arena, "%s/%.100s-%lld-%09ld", x->rule->evidence.directory, x->id,
			    (long long)now.tv_sec, now.tv_nsec);
}

static void act_evidence(struct act *x)
{
	const struct rule_evidence *wish = &x->rule->evidence;
	struct evidence_options options = {
		.output = evidence_path(x), .memory = wish->memory, .upper = !wish->no_upper,
		.queues = wish->queues,
		.budget_ms = wish->budget_ms ? wish->budget_ms : EVIDENCE_MS,
	};
	struct evidence_result result;
	struct err e;
	int code;

	if (mkdir(wish->directory, 0700) < 0 && errno != EEXIST) {
		err_sys(&e, "evidence directory \"%.200s\"", wish->directory);
		fail(x, &e);
		return;
	}
	code = evidence_take(x->life->root, x->id, &options, x->arena, &result, &e);
	if (code < 0) {
		fail(x, &e);
		return;
	}
	emit_str(x->m, "result", code == EVIDENCE_PARTIAL ? "partial" : "taken");
	emit_str(x->m, "path", options.output);
	emit_str(x->m, "merkleRoot", result.root);
	tell(x, "detail", result.stopped);
}

static void act_kill(struct act *x)
{
	struct err e;

	if (life_kill(x->life, x->id, SIGKILL, true, &e) < 0)
		fail(x, &e);
	else
		emit_str(x->m, "result", "killed");
}

static void act_log(struct act *x)
{
	emit_str(x->m, "result", "done");
}

static void (*const acts[])(struct act *x) = {
	[ACTION_LOG] = act_log,
	[ACTION_PAUSE] = act_pause,
	[ACTION_QUARANTINE] = act_quarantine,
	[ACTION_EVIDENCE] = act_evidence,
	[ACTION_KILL] = act_kill,
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int action_note(const struct rule *rule, const struct event *event, const struct target *target,
		struct err *e)
{
	struct guard_alarm alarm = { .id = target->id, .source = event->source,
				     .rule = event->rule, .detail = rule->name };

	return guard_alarm(target->root, &alarm, e) < 0 ? -1 : 0;
}

/* What stops the container comes before the noting, which waits for a disk. */
static bool is_urgent(uint32_t action)
{
	return action == ACTION_PAUSE || action == ACTION_QUARANTINE;
}

const char *action_run(const struct life *life, const struct rule *rule, const struct event *event,
		       const struct target *target, struct arena *a)
{
	struct life own = *life;
	struct emit m = EMIT_IN(a, 0);
	struct act x = { .life = &own, .rule = rule, .event = event, .id = target->id, .arena = a,
			 .m = &m };
	struct err ignored;
	bool noted = false;

	own.root = target->root;
	own.root_is_default = false;
	emit_array(&m, NULL);
	for (size_t i = 0; i < rule->actions.count; i++) {
		uint64_t began = now_us();

		if (!noted && !is_urgent(rule->actions.items[i]))
			noted = action_note(rule, event, target, &ignored) == 0;

		emit_object(&m, NULL);
		emit_str(&m, "action", rules_action_word(rule->actions.items[i]));
		acts[rule->actions.items[i]](&x);
		emit_u64(&m, "microseconds", now_us() - began);
		emit_end(&m);
	}
	emit_end(&m);
	if (!noted)
		noted = action_note(rule, event, target, &ignored) == 0;
	log_debug(LOG_CLI, "%s: the alarm is%s noted", target->id, noted ? "" : " not");
	return emit_get(&m);
}
