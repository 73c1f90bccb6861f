/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting what was done, and what it amounts to.
 */
#pragma once

#include "orlop/guard.h"

enum { OUTCOME_LINES_MAX = 32 };

/* A fresh line at the end; its fields are the caller's to fill in. */
struct guard_mechanism *outcome_line(struct guard_report *report, struct arena *a);

/* Adds a line. */
void outcome_add(struct guard_report *report, struct arena *a, const char *name,
		enum guard_outcome outcome, const char *detail);

/* A line by its name, or NULL. */
const struct guard_mechanism *outcome_find(const struct guard_report *report, const char *name);

/* PURE. Whether the lines say that nothing leaves or arrives. */
bool outcome_is_cut(const struct guard_report *report);

/* PURE. The result that the lines, the tasks and the findings amount to. */
enum guard_result outcome_judge(const struct guard_report *report);
