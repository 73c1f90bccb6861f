/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Reading and matching rules. A rule that could never do what it says is refused when the
 * file is read, not when the alarm comes.
 */
#include "respond/rules.h"

#include <string.h>

#include "base/names.h"
#include "base/text.h"
#include "json/bind.h"
#include "orlop/guard.h"

enum { BUDGET_MAX_MS = 600000, RATE_COUNT_MAX = 1000, RATE_SECONDS_MAX = 86400, WORD_MAX = 80 };

static const struct name action_words[] = {
	{ "log", ACTION_LOG },
	{ "pause", ACTION_PAUSE },
	{ "quarantine", ACTION_QUARANTINE },
	{ "evidence", ACTION_EVIDENCE },
	{ "kill", ACTION_KILL },
	{ "", 0 },
};

static const struct name scope_words[] = {
	{ "container", SCOPE_CONTAINER },
	{ "pod", SCOPE_POD },
	{ "", 0 },
};

static const struct name per_words[] = {
	{ "container", PER_CONTAINER },
	{ "rule", PER_RULE },
	{ "", 0 },
};

static const struct name memory_words[] = {
	{ "all", EVIDENCE_MEMORY_ALL },
	{ "anon", EVIDENCE_MEMORY_ANON },
	{ "none", EVIDENCE_MEMORY_NONE },
	{ "", 0 },
};

const char *rules_action_word(enum rule_action action)
{
	return names_word(action_words, action);
}

/* ---- reading ----------------------------------------------------------------------------- */

/* One pattern or several. */
static int read_patterns(const struct binding *b, const struct node *n, void *field)
{
	struct str_list *list = field;
	bool single = n->type == NODE_STRING;
	const struct node *first = single ? n : n->type == NODE_ARRAY ? n->first : NULL;

	if (!first)
		return doc_err_type(b->doc, n, b->e, "a pattern, or an array of them");
	list->items = arena_new_array(b->arena, char *, single ? 1 : n->len);
	for (const struct node *at = first; at; at = single ? NULL : at->next) {
		if (at->type != NODE_STRING)
			return doc_err_type(b->doc, at, b->e, "a string");
		list->items[list->count++] = at->text;
	}
	return 0;
}

static int read_fields(const struct binding *b, const struct node *n, void *field)
{
	struct rule_fields *list = field;

	if (n->type != NODE_OBJECT)
		return doc_err_type(b->doc, n, b->e, "an object of patterns");
	list->items = arena_new_array(b->arena, struct rule_field, n->len);
	for (const struct node *at = n->first; at; at = at->next) {
		struct rule_field *f = &list->items[list->count++];

		/* The names of members go with the document. */
		f->name = arena_strdup(b->arena, at->key);
		if (read_patterns(b, at, &f->patterns) < 0)
			return -1;
	}
	return 0;
}

static int read_priority(const struct binding *b, const struct node *n, void *field)
{
	auto_arena a = ARENA_NONE;
	int level;

	if (n->type != NODE_STRING)
		return doc_err_type(b->doc, n, b->e, "a string");
	level = event_priority(n->text);
	if (level == EVENT_NO_PRIORITY)
		return doc_err(b->doc, n, b->e, "unknown priority %s: emergency, alert, critical, "
			       "error, warning, notice, informational or debug",
			       text_quote(&a, n->text, WORD_MAX));
	*(int *)field = level;
	return 0;
}

static int read_source(const struct binding *b, const struct node *n, void *field)
{
	if (n->type != NODE_STRING ||
	    (strcmp(n->text, "falco") != 0 && strcmp(n->text, "tetragon") != 0))
		return doc_err(b->doc, n, b->e, "expected \"falco\" or \"tetragon\"");
	*(char **)field = n->text;
	return 0;
}

static int check_version(const struct binding *b, const struct node *n, void *object)
{
	const struct rules *rules = object;

	if (rules->version != 1)
		return doc_err(b->doc, n, b->e, "its version is %u, this program reads 1",
			       (unsigned)rules->version);
	return 0;
}

static bool does(const struct rule *rule, enum rule_action action)
{
	for (size_t i = 0; i < rule->actions.count; i++)
		if (rule->actions.items[i] == action)
			return true;
	return false;
}

static int check_rule(const struct binding *b, const struct node *n, void *object)
{
	const struct rule *rule = object;
	bool held = does(rule, ACTION_QUARANTINE);

	if (does(rule, ACTION_EVIDENCE) && !rule->evidence.directory)
		return doc_err(b->doc, n, b->e, "the action evidence needs evidence.directory");
	if (!held && (rule->observe || rule->sever || rule->allow.count))
		return doc_err(b->doc, n, b->e, "observe, sever and allow belong to the action "
			       "quarantine, which it does not have");
	for (size_t i = 0; i < rule->allow.count; i++)
		if (guard_check_allow(rule->allow.items[i], b->e) < 0)
			return doc_err_in(b->doc->name, n->line, n, b->e);
	return 0;
}

static const struct bind match_rows[] = {
	B_CUSTOM(struct rule_match, source, "source", char *, read_source),
	B_CUSTOM(struct rule_match, rules, "rule", struct str_list, read_patterns),
	B_CUSTOM(struct rule_match, priority, "priority", int, read_priority),
	B_CUSTOM(struct rule_match, fields, "fields", struct rule_fields, read_fields),
	B_REFUSE_UNKNOWN("member of a match"),
	B_END
};

/* A match that says no priority is one of any; zero would be a level. */
static int read_match(const struct binding *b, const struct node *n, void *field)
{
	struct rule_match *match = field;

	if (n->type != NODE_OBJECT)
		return doc_err_type(b->doc, n, b->e, "an object");
	match->priority = EVENT_NO_PRIORITY;
	return bind_read(b, n, match_rows, match);
}

static const struct bind evidence_rows[] = {
	B_STR(struct rule_evidence, directory, "directory", B_REQUIRED | B_ABSOLUTE | B_ONE_LINE),
	B_WORD(struct rule_evidence, memory, "memory", enum evidence_memory, memory_words, "memory"),
	B_BOOL(struct rule_evidence, queues, "sockets"),
	B_BOOL(struct rule_evidence, no_upper, "withoutFiles"),
	B_U32_IN(struct rule_evidence, budget_ms, "budgetMs", 1, BUDGET_MAX_MS),
	B_REFUSE_UNKNOWN("member of evidence"),
	B_END
};

static const struct bind rate_rows[] = {
	B_U32_IN(struct rule_rate, count, "count", 1, RATE_COUNT_MAX, B_REQUIRED),
	B_U32_IN(struct rule_rate, seconds, "seconds", 1, RATE_SECONDS_MAX, B_REQUIRED),
	B_WORD(struct rule_rate, per, "per", enum rule_per, per_words, "per"),
	B_REFUSE_UNKNOWN("member of a rate"),
	B_END
};

static const struct bind rule_rows[] = {
	B_STR(struct rule, name, "name", B_REQUIRED | B_ONE_LINE),
	B_STR(struct rule, reason, "reason", B_ONE_LINE),
	B_CUSTOM(struct rule, match, "match", struct rule_match, read_match, B_REQUIRED),
	B_WORD_LIST(struct rule, actions, "actions", action_words, "action",
		    B_REQUIRED | B_NOT_EMPTY),
	B_WORD(struct rule, scope, "scope", enum rule_scope, scope_words, "scope"),
	B_BOOL(struct rule, observe, "observe"),
	B_BOOL(struct rule, sever, "sever"),
	B_STRS(struct rule, allow, "allow"),
	B_OBJECT(struct rule, evidence, "evidence", struct rule_evidence, evidence_rows),
	B_OBJECT(struct rule, rate, "rate", struct rule_rate, rate_rows),
	B_REFUSE_UNKNOWN("member of a rule"),
	B_CHECK(check_rule),
	B_END
};

static const struct bind rows[] = {
	B_U32(struct rules, version, "version", B_REQUIRED),
	B_STR(struct rules, description, "description"),
	B_LIST(struct rules, items, "rules", struct rule, rule_rows, B_REQUIRED),
	B_REFUSE_UNKNOWN("member of a file of rules"),
	B_CHECK(check_version),
	B_END
};

int rules_read(const char *name, const char *text, size_t len, struct arena *a,
	       struct rules *ret, struct err *e)
{
	struct binding b = { .arena = a, .e = e };
	struct rules rules = { 0 };
	auto_doc d = DOC_NONE;

	if (doc_read(name, text, len, a, &d, e) < 0)
		return -1;
	b.doc = &d;
	if (bind_read(&b, d.root, rows, &rules) < 0)
		return -1;
	*ret = rules;
	return 0;
}

/* ---- matching ---------------------------------------------------------------------------- */

/* A mismatch goes back to the latest star only: no pattern makes it slow. */
bool rules_like(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool is_any(const struct str_list *patterns, const char *text)
{
	for (size_t i = 0; text && i < patterns->count; i++)
		if (rules_like(patterns->items[i], text))
			return true;
	return false;
}

static bool matches(const struct rule_match *m, const struct event *event)
{
	if (m->source && strcmp(m->source, event->source) != 0)
		return false;
	if (m->rules.count && !is_any(&m->rules, event->rule))
		return false;
	if (m->priority != EVENT_NO_PRIORITY &&
	    (event->priority == EVENT_NO_PRIORITY || event->priority > m->priority))
		return false;
	for (size_t i = 0; i < m->fields.count; i++)
		if (!is_any(&m->fields.items[i].patterns,
			    event_field(event, m->fields.items[i].name)))
			return false;
	return true;
}

const struct rule *rules_match(const struct rules *rules, const struct event *event)
{
	for (size_t i = 0; i < rules->items.count; i++)
		if (matches(&rules->items.items[i].match, event))
			return &rules->items.items[i];
	return NULL;
}
