/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do when a container has gone bad, decided before it does: a document that is put
 * together at create from files of the host and annotations, kept in the container's directory,
 * and asked by whoever holds, ends or watches the container. A container without one has the
 * defaults, which are those of a zeroed struct.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/evidence.h"
#include "orlop/oci_config.h"
#include "orlop/value.h"

/* In all of these the later word is the stronger one, and 0 is what is not said. */
enum policy_pause { POLICY_PAUSE_FREEZES, POLICY_PAUSE_QUARANTINES };

/* Whose evidence is taken before SIGKILL and delete. */
enum policy_kill {
	POLICY_KILL_HELD = 0,		/* of what is in quarantine: without a word about it */
	POLICY_KILL_AT_ONCE,		/* of nobody's; only a policy of the host can say so */
	POLICY_KILL_ALARMED,		/* of that, and of what an alarm is about */
	POLICY_KILL_ALWAYS,
};

enum policy_network { POLICY_NETWORK_AS_IS, POLICY_NETWORK_ARMED };

/* What is done about an alarm of the watcher; the call that raised it never happens. */
enum policy_alarm { POLICY_ALARM_NOTE, POLICY_ALARM_QUARANTINE, POLICY_ALARM_EVIDENCE,
	POLICY_ALARM_KILL };

/* What is done when the watcher itself was killed. */
enum policy_failure { POLICY_FAILURE_CONTINUE, POLICY_FAILURE_QUARANTINE };

/* What a watcher listens to besides system calls. */
enum policy_event {
	POLICY_EVENT_OOM = 1,		/* memory.events: oom_kill */
	POLICY_EVENT_PIDS = 2,		/* pids.events: max */
	POLICY_EVENT_MEMORY = 4,	/* PSI: stalled for half of a second in one */
	POLICY_EVENT_CPU = 8,
};

/* When hooks are run. */
enum policy_moment {
	POLICY_PRE_QUARANTINE,
	POLICY_POST_QUARANTINE,
	POLICY_POST_EVIDENCE,
	POLICY_PRE_RELEASE,
	POLICY_POST_RELEASE,
	POLICY_ON_ALARM,
	POLICY_MOMENT_COUNT_
};

struct policy_evidence {
	char *directory;		/* where sets are made; NULL: the program's default */
	uint32_t budget_ms;		/* 0: POLICY_BUDGET_MS */
	uint32_t max_mib;		/* of all in the directory; 0: POLICY_EVIDENCE_MIB */
	enum evidence_memory memory;
	bool no_upper, queues;
};

struct policy_watch {
	bool set;			/* a watcher is wanted */
	struct str_list calls;		/* names of system calls that are alarms */
	uint32_t events;		/* of enum policy_event */
	enum policy_alarm action;
	enum policy_failure on_failure;
};

struct policy {
	char *description;
	enum policy_pause pause;
	enum policy_kill on_kill;
	enum policy_network network;
	bool observe;			/* how it is held when nobody says it */
	struct str_list allow;
	struct policy_evidence evidence;
	struct policy_watch watch;
	struct hook_list hooks[POLICY_MOMENT_COUNT_];
};

enum { POLICY_EVIDENCE_MIB = 10240, POLICY_BUDGET_MS = 10000, POLICY_BUDGET_MAX_MS = 60000,
	POLICY_HOOK_S = 10, POLICY_HOOK_MAX_S = 60 };

/* The annotations that are about this begin so; one that is not known is refused. */
#define POLICY_ANNOTATION "org.orlop.remediation."

/* What stands in the container's directory when there is a policy. */
#define POLICY_FILE "policy.json"

/* "preQuarantine" and so on, as in the document. */
const char *policy_moment_word(enum policy_moment moment);

/* PURE. Reads a document strictly: members that it does not know are errors. 0 or -1. */
int policy_read(const char *name, const char *text, size_t len, struct arena *a,
		struct policy *ret, struct err *e) __attribute__((warn_unused_result));

/* PURE. The document of a policy, on one line; what policy_read makes the same policy of. */
const char *policy_text(const struct policy *p, struct arena *a);

/* PURE. Adds what `more` says: the stronger word counts, hooks are added at the end. */
void policy_add(struct policy *p, const struct policy *more, struct arena *a);

/*
 * What a container with these annotations gets: the host's policy "default" where there is one,
 * the policy that is named, and what the annotations add. 0, with *ret_any telling whether there
 * is anything; -1 for a name or an annotation that is not known or says what it may not.
 */
int policy_resolve(const struct pair_list *annotations, struct arena *a, struct policy *ret,
		   bool *ret_any, struct err *e) __attribute__((warn_unused_result));

/*
 * The policy in a container's directory; the defaults when there is none. -1 when it cannot be
 * read, with the defaults in *ret: who holds or ends a container goes on with them.
 */
int policy_load(int dir, struct arena *a, struct policy *ret, struct err *e);
