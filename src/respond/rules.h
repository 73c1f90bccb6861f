/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that says what is done about which alarm. PURE. The first rule that matches counts.
 */
#pragma once

#include "orlop/evidence.h"
#include "respond/event.h"

enum rule_action { ACTION_LOG, ACTION_PAUSE, ACTION_QUARANTINE, ACTION_EVIDENCE, ACTION_KILL };
enum rule_scope { SCOPE_CONTAINER, SCOPE_POD };
enum rule_per { PER_CONTAINER, PER_RULE };

struct rule_field {
	const char *name;
	struct str_list patterns;
};

struct rule_fields {
	struct rule_field *items;
	size_t count;
};

struct rule_match {
	char *source;
	struct str_list rules;		/* patterns */
	int priority;			/* at least this urgent; EVENT_NO_PRIORITY: any */
	struct rule_fields fields;
};

struct rule_evidence {
	char *directory;
	enum evidence_memory memory;
	bool queues, no_upper;
	uint32_t budget_ms;
};

struct rule_rate {
	uint32_t count, seconds;	/* 0: RATE_COUNT, RATE_SECONDS */
	enum rule_per per;
};

struct rule {
	char *name, *reason;
	struct rule_match match;
	LIST_OF(uint32_t) actions;	/* enum rule_action, in order */
	enum rule_scope scope;
	bool observe, sever;
	struct str_list allow;
	struct rule_evidence evidence;
	struct rule_rate rate;
};

enum { RATE_COUNT = 1, RATE_SECONDS = 60 };

struct rules {
	uint32_t version;
	char *description;
	LIST_OF(struct rule) items;
};

/* Reads the document strictly: what it does not know is an error. `name` is for messages. */
int rules_read(const char *name, const char *text, size_t len, struct arena *a,
	       struct rules *ret, struct err *e) __attribute__((warn_unused_result));

/* The first rule that matches, or NULL. */
const struct rule *rules_match(const struct rules *rules, const struct event *event);

/* Whether text is what a pattern means, where * is any text. */
bool rules_like(const char *pattern, const char *text);

/* "log", "pause", "quarantine", "evidence", "kill". */
const char *rules_action_word(enum rule_action action);
