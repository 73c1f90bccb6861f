/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. From the keys of an update to what the guard does.
 */
#include "life/trigger.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/cgroup.h"
#include "orlop/audit.h"
#include "orlop/guard.h"
#include "orlop/policy.h"

/*
 * The value of orlop.quarantine in the last update that had one. containerd says with every later
 * update of a container what was said once (it is kept in the configuration): who holds may be
 * repeated, and no repetition may undo what somebody did since.
 */
static const char word_file[] = "update.word";

static const char *const words[] = {
	[TRIGGER_FROZEN] = "frozen", [TRIGGER_OBSERVE] = "observe",
	[TRIGGER_RELEASE] = "release", [TRIGGER_NONE] = "none",
};

static int read_hold(const char *value, const char *name, struct trigger *ret, struct arena *a,
		     struct err *e)
{
	for (int i = TRIGGER_FROZEN; i <= TRIGGER_NONE; i++)
		if (strcmp(value, words[i]) == 0) {
			ret->hold = (enum trigger_hold)i;
			return 0;
		}
	err_set(e, ERR_CONFIG, "%s: unified[\"orlop.quarantine\"]: unknown value %s", name,
		text_quote(a, value, 40));
	return err_hint(e, "frozen, observe, release or none");
}

static int read_evidence(const char *value, const char *name, struct trigger *ret, struct arena *a,
			 struct err *e)
{
	ret->evidence = strcmp(value, "take") == 0;
	if (ret->evidence || strcmp(value, "none") == 0)
		return 0;
	return err_set(e, ERR_CONFIG, "%s: unified[\"orlop.evidence\"]: is %s and neither \"take\" "
		       "nor \"none\"", name, text_quote(a, value, 40));
}

/* 1: it was one; 0: it is a limit; -1. */
static int read_key(const struct oci_pair *pair, const char *name, struct trigger *ret,
		    struct arena *a, struct err *e)
{
	if (strcmp(pair->key, "orlop.quarantine") == 0)
		return read_hold(pair->value, name, ret, a, e) < 0 ? -1 : 1;
	if (strcmp(pair->key, "orlop.evidence") == 0)
		return read_evidence(pair->value, name, ret, a, e) < 0 ? -1 : 1;
	if (strncmp(pair->key, "orlop.", strlen("orlop.")) == 0)
		return err_set(e, ERR_CONFIG, "%s: unified[%s]: there are orlop.quarantine and "
			       "orlop.evidence", name, text_quote(a, pair->key, 40));
	if (strcmp(pair->key, "cgroup.kill") == 0 && strcmp(pair->value, "1") == 0) {
		ret->kill = true;
		return 1;
	}
	if (strcmp(pair->key, "cgroup.freeze") == 0 && strcmp(pair->value, "0") == 0)
		ret->thaw = true;
	return 0;
}

int trigger_read(struct oci_resources *r, const char *name, struct arena *a, struct trigger *ret,
		 struct err *e)
{
	struct trigger trigger = { .hold = TRIGGER_AS_IS };
	struct oci_pair *kept = arena_new_array(a, struct oci_pair, r->unified.count);
	size_t count = 0;

	for (size_t i = 0; i < r->unified.count; i++) {
		int was = read_key(&r->unified.items[i], name, &trigger, a, e);

		if (was < 0)
			return -1;
		if (was)
			trigger.any = true;
		else
			kept[count++] = r->unified.items[i];
	}
	r->unified = (struct pair_list){ kept, count };
	*ret = trigger;
	return 0;
}

/* An engine that was asked before there was a container has written it into the configuration. */
static bool was_configured(const struct container *c, enum trigger_hold word, struct arena *a)
{
	struct oci_config config;
	struct err ignored;

	if (container_config(c, a, &config, &ignored) < 0)
		return false;
	for (size_t i = 0; i < config.linux.resources.unified.count; i++) {
		const struct oci_pair *pair = &config.linux.resources.unified.items[i];

		if (strcmp(pair->key, "orlop.quarantine") == 0)
			return strcmp(pair->value, words[word]) == 0;
	}
	return false;
}

static bool was_said(const struct container *c, enum trigger_hold word, struct arena *a)
{
	char text[16];

	if (file_read(c->dir, word_file, text, sizeof(text)) < 0)
		return was_configured(c, word, a);
	return strcmp(text, words[word]) == 0;
}

bool trigger_may_repeat(const struct container *c, struct arena *a)
{
	return was_said(c, TRIGGER_FROZEN, a) || was_said(c, TRIGGER_OBSERVE, a);
}

static int keep_word(const struct container *c, enum trigger_hold word, struct err *e)
{
	if (file_replace(c->dir, word_file, words[word], strlen(words[word])) < 0)
		return err_sys(e, "keep what the update said");
	return 0;
}

static int refuse_repeated(const struct container *c, const char *what, enum trigger_hold word,
			   struct err *e)
{
	err_set(e, ERR_HELD, "cannot %s container \"%.80s\": its quarantine is newer than "
		"orlop.quarantine \"%s\", which engines repeat", what, c->id, words[word]);
	return err_hint(e, "orlop release %.80s, or \"none\" first and then \"%s\" again", c->id,
			words[word]);
}

static int hold(const struct life *l, const struct container *c, int group,
		enum trigger_hold how, struct arena *a, struct err *e)
{
	struct guard_request request = { .id = c->id, .trigger = "update",
					 .observe = how == TRIGGER_OBSERVE };
	struct guard_report report;
	struct policy policy;
	struct err ignored;

	if (request.observe && was_said(c, how, a) && guard_holds_back(c->dir, c->id) &&
	    guard_freeze_asked(group))
		return refuse_repeated(c, "thaw", how, e);
	policy_load(c->dir, a, &policy, &ignored);
	request.allow = policy.allow;
	if (guard_quarantine(l->root, &request, a, &report, e) < 0)
		return -1;
	if (report.result == GUARD_CONTAINED) {
		if (keep_word(c, how, &ignored) < 0)
			l->warn(ignored.text);
		return 0;
	}
	/* An answer that is no error would be all that a plugin ever hears. */
	err_set(e, ERR_STATE, "the quarantine is %s", guard_result_word(report.result));
	return err_hint(e, "what holds stays in force; orlop quarantine %.80s says what does not",
			c->id);
}

static int let_go(const struct life *l, const struct container *c, struct arena *a,
		  struct err *e)
{
	bool held = guard_holds_back(c->dir, c->id);
	struct guard_report report;
	struct err ignored;

	if (held && was_said(c, TRIGGER_RELEASE, a))
		return refuse_repeated(c, "release", TRIGGER_RELEASE, e);
	/* Kept before it is done: whoever is killed in between leaves it held. */
	if (keep_word(c, TRIGGER_RELEASE, e) < 0)
		return -1;
	if (!held)
		return 0;
	if (guard_release(l->root, c->id, "update", a, &report, e) == 0) {
		if (report.result == GUARD_CONTAINED)
			return 0;
		err_set(e, ERR_STATE, "not everything could be restored: it stays in quarantine");
	}
	if (keep_word(c, TRIGGER_NONE, &ignored) < 0)	/* it may be said again */
		l->warn(ignored.text);
	return -1;
}

/* As kill does it, of every process. */
static int end(const struct life *l, const struct container *c, int group, struct arena *a,
	       struct err *e)
{
	struct audit_entry entry = { .operation = "kill", .id = c->id, .result = "done",
				     .more = { { "trigger", "update" } } };
	struct guard_end end;
	struct err written;
	int killed;

	guard_before_end(l->root, c->id, c->dir, a, &end);
	killed = cgroup_kill(group, e);
	entry.more[1] = (struct audit_member){ "evidence", end.evidence };
	if (killed < 0)
		entry.result = "failed";
	if (end.concerned && audit_write(l->root, &entry, &written) < 0)
		l->warn(written.text);
	return killed;
}

int trigger_run(const struct life *l, const struct container *c, int group,
		const struct trigger *trigger, struct arena *a, struct err *e)
{
	const char *set;

	if ((trigger->hold == TRIGGER_FROZEN || trigger->hold == TRIGGER_OBSERVE) &&
	    hold(l, c, group, trigger->hold, a, e) < 0)
		return -1;
	if (trigger->hold == TRIGGER_NONE && keep_word(c, trigger->hold, e) < 0)
		return -1;
	if (trigger->evidence && guard_evidence(l->root, c->id, c->dir, "update", a, &set, e) < 0)
		return -1;
	if (trigger->hold == TRIGGER_RELEASE && let_go(l, c, a, e) < 0)
		return -1;
	return trigger->kill ? end(l, c, group, a, e) : 0;
}
