/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The document of a policy: read, written, and two of them put together. Where documents
 * come from is policy_find.c's business.
 */
#include "orlop/policy.h"

#include <string.h>

#include "guard/netcut.h"
#include "json/bind.h"
#include "json/doc.h"
#include "json/emit.h"
#include "orlop/auto.h"

static const struct name pause_words[] = {
	{ "freeze", POLICY_PAUSE_FREEZES }, { "quarantine", POLICY_PAUSE_QUARANTINES }, { "" },
};

static const struct name kill_words[] = {
	{ "kill", POLICY_KILL_AT_ONCE }, { "evidence-if-quarantined", POLICY_KILL_HELD },
	{ "evidence-if-alarmed", POLICY_KILL_ALARMED }, { "evidence", POLICY_KILL_ALWAYS },
	{ "" },
};

static const struct name network_words[] = {
	{ "as-is", POLICY_NETWORK_AS_IS }, { "armed", POLICY_NETWORK_ARMED }, { "" },
};

static const struct name alarm_words[] = {
	{ "note", POLICY_ALARM_NOTE },
	{ "quarantine", POLICY_ALARM_QUARANTINE },
	{ "evidence", POLICY_ALARM_EVIDENCE },
	{ "kill", POLICY_ALARM_KILL },
	{ "", 0 },
};

static const struct name failure_words[] = {
	{ "continue", POLICY_FAILURE_CONTINUE },
	{ "quarantine", POLICY_FAILURE_QUARANTINE },
	{ "", 0 },
};

static const struct name event_words[] = {
	{ "oomKill", POLICY_EVENT_OOM },
	{ "pidsMax", POLICY_EVENT_PIDS },
	{ "memoryPressure", POLICY_EVENT_MEMORY },
	{ "cpuPressure", POLICY_EVENT_CPU },
	{ "", 0 },
};

static const struct name memory_words[] = {
	{ "all", EVIDENCE_MEMORY_ALL }, { "anon", EVIDENCE_MEMORY_ANON },
	{ "none", EVIDENCE_MEMORY_NONE }, { "" },
};

/* In the order of enum policy_moment. */
static const struct name moment_words[] = {
	{ "preQuarantine", POLICY_PRE_QUARANTINE }, { "postQuarantine", POLICY_POST_QUARANTINE },
	{ "postEvidence", POLICY_POST_EVIDENCE }, { "preRelease", POLICY_PRE_RELEASE },
	{ "postRelease", POLICY_POST_RELEASE }, { "onAlarm", POLICY_ON_ALARM }, { "" },
};

_Static_assert(ARRAY_LEN(moment_words) == POLICY_MOMENT_COUNT_ + 1, "each moment has a word");

const char *policy_moment_word(enum policy_moment moment)
{
	return moment_words[moment].word;
}

/* ---- reading ---- */

static const struct bind hook_rows[] = {
	B_LINE(struct oci_hook, line),
	B_STR(struct oci_hook, path, "path", B_REQUIRED | B_ABSOLUTE),
	B_STRS(struct oci_hook, args, "args"),
	B_STRS(struct oci_hook, env, "env"),
	B_OPT_I64_IN(struct oci_hook, timeout, "timeout", 1, POLICY_HOOK_MAX_S),
	B_REFUSE_UNKNOWN("member of a hook"),
	B_END
};

#define HOOKS(moment, name) B_LIST(struct policy, hooks[moment], name, struct oci_hook, hook_rows)

static const struct bind hooks_rows[] = {
	HOOKS(POLICY_PRE_QUARANTINE, "preQuarantine"),
	HOOKS(POLICY_POST_QUARANTINE, "postQuarantine"),
	HOOKS(POLICY_POST_EVIDENCE, "postEvidence"),
	HOOKS(POLICY_PRE_RELEASE, "preRelease"),
	HOOKS(POLICY_POST_RELEASE, "postRelease"),
	HOOKS(POLICY_ON_ALARM, "onAlarm"),
	B_REFUSE_UNKNOWN("moment"),
	B_END
};

static int read_upper(const struct binding *b, const struct node *n, void *field)
{
	static const struct name words[] = { { "upper", 0 }, { "none", 1 }, { "" } };
	uint64_t value;

	if (bind_word(b, n, words, "file system to take", &value) < 0)
		return -1;
	*(bool *)field = value;
	return 0;
}

static const struct bind evidence_rows[] = {
	B_STR(struct policy_evidence, directory, "directory", B_ABSOLUTE),
	B_U32_IN(struct policy_evidence, budget_ms, "budgetMs", 100, POLICY_BUDGET_MAX_MS),
	B_U32_IN(struct policy_evidence, max_mib, "maxMiB", 1, UINT32_MAX),
	B_WORD(struct policy_evidence, memory, "memory", enum evidence_memory, memory_words,
	       "memory to take"),
	B_CUSTOM(struct policy_evidence, no_upper, "fs", bool, read_upper),
	B_BOOL(struct policy_evidence, queues, "sockets"),
	B_REFUSE_UNKNOWN("member of evidence"),
	B_END
};

static const struct bind watch_rows[] = {
	B_SET(struct policy_watch, set),
	B_STRS(struct policy_watch, calls, "calls"),
	B_WORDS(struct policy_watch, events, "events", uint32_t, event_words, "event"),
	B_WORD(struct policy_watch, action, "action", enum policy_alarm, alarm_words,
	       "thing to do about an alarm", B_REQUIRED),
	B_WORD(struct policy_watch, on_failure, "onFailure", enum policy_failure, failure_words,
	       "thing to do without a watcher", B_REQUIRED),
	B_REFUSE_UNKNOWN("member of watch"),
	B_END
};

static int read_mode(const struct binding *b, const struct node *n, void *field)
{
	static const struct name words[] = { { "frozen", 0 }, { "observe", 1 }, { "" } };
	uint64_t value;

	if (bind_word(b, n, words, "mode", &value) < 0)
		return -1;
	*(bool *)field = value;
	return 0;
}

static int check_allow(const struct binding *b, const struct node *n, void *object)
{
	const struct str_list *allow = &((struct policy *)object)->allow;
	struct netcut_rule rule;
	struct err why;

	if (allow->count > NETCUT_RULES_MAX)
		return doc_err(b->doc, doc_find(n, "allow"), b->e, "more than %d addresses",
			       NETCUT_RULES_MAX);
	for (size_t i = 0; i < allow->count; i++)
		if (netcut_rule_read(allow->items[i], &rule, &why) < 0)
			return doc_err(b->doc, doc_at(doc_find(n, "allow"), i), b->e,
				       "not an address: \"%.80s\"", allow->items[i]);
	return 0;
}

static const struct bind policy_rows[] = {
	B_STR(struct policy, description, "description"),
	B_WORD(struct policy, pause, "pause", enum policy_pause, pause_words,
	       "meaning of pause"),
	B_WORD(struct policy, on_kill, "onKill", enum policy_kill, kill_words,
	       "thing to do before a kill"),
	B_WORD(struct policy, network, "network", enum policy_network, network_words,
	       "state of the network"),
	B_CUSTOM(struct policy, observe, "mode", bool, read_mode),
	B_STRS(struct policy, allow, "allow"),
	B_OBJECT(struct policy, evidence, "evidence", struct policy_evidence, evidence_rows),
	B_OBJECT(struct policy, watch, "watch", struct policy_watch, watch_rows),
	B_PART("hooks", hooks_rows),
	B_CHECK(check_allow),
	B_REFUSE_UNKNOWN("member of a remediation policy"),
	B_END
};

int policy_read(const char *name, const char *text, size_t len, struct arena *a,
		struct policy *ret, struct err *e)
{
	struct policy policy = { .description = NULL };
	auto_doc doc = DOC_NONE;

	if (doc_read(name, text, len, a, &doc, e) < 0 ||
	    bind_read(&(struct binding){ .doc = &doc, .arena = a, .e = e }, doc.root, policy_rows,
		      &policy) < 0)
		return -1;
	*ret = policy;
	return 0;
}

/* ---- writing ---- */

static void put_strings(struct emit *m, const char *key, const struct str_list *list)
{
	if (!list->count)
		return;
	emit_array(m, key);
	for (size_t i = 0; i < list->count; i++)
		emit_str(m, NULL, list->items[i]);
	emit_end(m);
}

static void put_hooks(struct emit *m, const char *key, const struct hook_list *hooks)
{
	if (!hooks->count)
		return;
	emit_array(m, key);
	for (size_t i = 0; i < hooks->count; i++) {
		const struct oci_hook *hook = &hooks->items[i];

		emit_object(m, NULL);
		emit_str(m, "path", hook->path);
		put_strings(m, "args", &hook->args);
		put_strings(m, "env", &hook->env);
		if (hook->timeout.set)
			emit_i64(m, "timeout", hook->timeout.value);
		emit_end(m);
	}
	emit_end(m);
}

static void put_evidence(struct emit *m, const struct policy_evidence *evidence)
{
	emit_object(m, "evidence");
	if (evidence->directory)
		emit_str(m, "directory", evidence->directory);
	if (evidence->budget_ms)
		emit_u64(m, "budgetMs", evidence->budget_ms);
	if (evidence->max_mib)
		emit_u64(m, "maxMiB", evidence->max_mib);
	emit_str(m, "memory", names_word(memory_words, evidence->memory));
	emit_str(m, "fs", evidence->no_upper ? "none" : "upper");
	emit_bool(m, "sockets", evidence->queues);
	emit_end(m);
}

static void put_watch(struct emit *m, const struct policy_watch *watch)
{
	if (!watch->set)
		return;
	emit_object(m, "watch");
	put_strings(m, "calls", &watch->calls);
	emit_array(m, "events");
	for (size_t i = 0; event_words[i].word[0]; i++)
		if (watch->events & event_words[i].value)
			emit_str(m, NULL, event_words[i].word);
	emit_end(m);
	emit_str(m, "action", names_word(alarm_words, watch->action));
	emit_str(m, "onFailure", names_word(failure_words, watch->on_failure));
	emit_end(m);
}

const char *policy_text(const struct policy *p, struct arena *a)
{
	struct emit m = EMIT_IN(a, 0);

	emit_object(&m, NULL);
	if (p->description)
		emit_str(&m, "description", p->description);
	emit_str(&m, "pause", names_word(pause_words, p->pause));
	emit_str(&m, "onKill", names_word(kill_words, p->on_kill));
	emit_str(&m, "network", names_word(network_words, p->network));
	emit_str(&m, "mode", p->observe ? "observe" : "frozen");
	put_strings(&m, "allow", &p->allow);
	put_evidence(&m, &p->evidence);
	put_watch(&m, &p->watch);
	emit_object(&m, "hooks");
	for (int i = 0; i < POLICY_MOMENT_COUNT_; i++)
		put_hooks(&m, moment_words[i].word, &p->hooks[i]);
	emit_end(&m);
	emit_end(&m);
	return emit_get(&m);
}

/* ---- together ---- */

static void add_hooks(struct hook_list *hooks, const struct hook_list *more, struct arena *a)
{
	struct oci_hook *items;

	if (!more->count)
		return;
	items = arena_new_array(a, struct oci_hook, hooks->count + more->count);
	if (hooks->count)
		memcpy(items, hooks->items, hooks->count * sizeof(*items));
	memcpy(items + hooks->count, more->items, more->count * sizeof(*items));
	hooks->items = items;
	hooks->count += more->count;
}

static void add_watch(struct policy_watch *watch, const struct policy_watch *more,
		      struct arena *a)
{
	char **items;

	if (!more->set)
		return;
	watch->set = true;
	watch->events |= more->events;
	if (more->action > watch->action)
		watch->action = more->action;
	if (more->on_failure > watch->on_failure)
		watch->on_failure = more->on_failure;
	items = arena_new_array(a, char *, watch->calls.count + more->calls.count);
	for (size_t i = 0; i < watch->calls.count; i++)
		items[i] = watch->calls.items[i];
	for (size_t i = 0; i < more->calls.count; i++)
		items[watch->calls.count + i] = more->calls.items[i];
	watch->calls.items = items;
	watch->calls.count += more->calls.count;
}

void policy_add(struct policy *p, const struct policy *more, struct arena *a)
{
	if (more->description)
		p->description = more->description;
	if (more->pause > p->pause)
		p->pause = more->pause;
	if (more->on_kill > p->on_kill)
		p->on_kill = more->on_kill;
	if (more->network > p->network)
		p->network = more->network;
	if (more->observe)
		p->observe = true;
	if (more->allow.count)
		p->allow = more->allow;
	if (more->evidence.directory)
		p->evidence.directory = more->evidence.directory;
	if (more->evidence.budget_ms)
		p->evidence.budget_ms = more->evidence.budget_ms;
	if (more->evidence.max_mib)
		p->evidence.max_mib = more->evidence.max_mib;
	if (more->evidence.memory)
		p->evidence.memory = more->evidence.memory;
	p->evidence.no_upper |= more->evidence.no_upper;
	p->evidence.queues |= more->evidence.queues;
	add_watch(&p->watch, &more->watch, a);
	for (int i = 0; i < POLICY_MOMENT_COUNT_; i++)
		add_hooks(&p->hooks[i], &more->hooks[i], a);
}
