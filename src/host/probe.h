/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person asks before trusting a host with containers: tried, not looked up, wherever a try
 * costs nothing and leaves nothing. The planner's facts are another file's (host/facts.c). Knows
 * nothing of configurations. PARENT SIDE.
 */
#pragma once

#include <stddef.h>

#include "orlop/arena.h"
#include "orlop/err.h"

enum probe_grade {
	PROBE_OK,
	PROBE_NOTE,	/* containers run, something that may be wanted does not work */
	PROBE_BAD,	/* containers cannot be run */
	PROBE_GRADE_COUNT_
};

struct probe_line {
	enum probe_grade grade;
	const char *topic;	/* a word or two, the same on every host */
	const char *found;
	const char *advice;	/* what to change; NULL exactly when the grade is PROBE_OK */
};

struct probe_report {
	struct probe_line *items;
	size_t count, notes, bad;
};

/* "ok", "note", "bad". */
const char *probe_grade_word(enum probe_grade grade);

/*
 * Asks everything. Short-lived children try namespaces; nothing is left behind. Memory is the
 * arena's.
 */
void probe_host(struct arena *a, struct probe_report *ret);
