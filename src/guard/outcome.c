/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. "contained" is said only when everything that holds the container was read back and
 * nothing was found that goes around it.
 */
#include "guard/outcome.h"

#include <string.h>

struct guard_mechanism *outcome_line(struct guard_report *report, struct arena *a)
{
	if (!report->mechanisms.items)
		report->mechanisms.items =
			arena_new_array(a, struct guard_mechanism, OUTCOME_LINES_MAX);
	BUG_ON(report->mechanisms.count >= OUTCOME_LINES_MAX);
	return &report->mechanisms.items[report->mechanisms.count++];
}

void outcome_add(struct guard_report *report, struct arena *a, const char *name,
		enum guard_outcome outcome, const char *detail)
{
	*outcome_line(report, a) = (struct guard_mechanism){ name, outcome, detail };
}

const struct guard_mechanism *outcome_find(const struct guard_report *report, const char *name)
{
	for (size_t i = 0; i < report->mechanisms.count; i++)
		if (strcmp(report->mechanisms.items[i].name, name) == 0)
			return &report->mechanisms.items[i];
	return NULL;
}

static bool is_applied(const struct guard_report *report, const char *name)
{
	const struct guard_mechanism *line = outcome_find(report, name);

	return line && line->outcome == GUARD_APPLIED;
}

bool outcome_is_cut(const struct guard_report *report)
{
	return is_applied(report, "egress") && is_applied(report, "ingress");
}

enum guard_result outcome_judge(const struct guard_report *report)
{
	bool frozen = is_applied(report, "freeze");
	bool cut = outcome_is_cut(report);

	/* Asked for and not complete still holds everybody else. */
	if (!cut && !frozen && !is_applied(report, "egress") &&
	    (!outcome_find(report, "freeze") ||
	     outcome_find(report, "freeze")->outcome != GUARD_BUSY))
		return GUARD_NOTHING;
	if (!cut || (!report->observe && !frozen))
		return GUARD_PARTIAL;
	for (size_t i = 0; i < report->mechanisms.count; i++) {
		enum guard_outcome outcome = report->mechanisms.items[i].outcome;

		if (outcome == GUARD_FAILED || outcome == GUARD_BUSY)
			return GUARD_PARTIAL;
	}
	for (size_t i = 0; i < report->findings.count; i++)
		if (report->findings.items[i].held == GUARD_HELD_OPEN)
			return GUARD_PARTIAL;
	return GUARD_CONTAINED;
}
