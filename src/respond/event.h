/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An alarm of another program, read from a line. PURE. It is data from outside: much of it is what
 * a container wrote (names, arguments), and none of it is believed to be more than text.
 */
#pragma once

#include "json/doc.h"
#include "orlop/arena.h"
#include "orlop/err.h"

enum { EVENT_LINE_MAX = 256 * 1024, EVENT_UNKNOWN = 1, EVENT_NO_PRIORITY = -1 };

struct event {
	const char *source;		/* "falco" or "tetragon" */
	const char *rule;		/* of Falco; the policy's or the event's name of Tetragon */
	int priority;			/* 0 emergency to 7 debug; EVENT_NO_PRIORITY */
	const char *priority_word;	/* as it came, or NULL */
	const char *time;		/* as it came, or NULL */
	/* Whom it is about; NULL: not said. The id is without its "containerd://". */
	const char *container, *pod, *pod_namespace, *pod_uid;
	const struct node *fields, *root;
};

/*
 * Reads a line. The event lives as long as the document and the arena. 0; EVENT_UNKNOWN for JSON
 * that is neither tool's; -1 for what is no JSON, or none that a strict reader takes.
 */
int event_read(const char *line, size_t len, struct arena *a, struct doc *doc, struct event *ret,
	       struct err *e) __attribute__((warn_unused_result));

/*
 * The text of a field: of Falco one of output_fields ("proc.name"), of Tetragon a path
 * ("process.binary", "args.0.file_arg.path"). NULL when it has none or it is no scalar.
 */
const char *event_field(const struct event *event, const char *name);

/* The level of a priority's word, whatever its case; EVENT_NO_PRIORITY when there is none. */
int event_priority(const char *word);
