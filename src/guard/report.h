/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting what was done, and what it amounts to.
 */
#pragma once

#include "orlop/guard.h"

enum { REPORT_MECHANISMS_MAX = 32 };

/* A fresh line at the end; its fields are the caller's to fill in. */
struct guard_mechanism *report_line(struct guard_report *report, struct arena *a);

/* Adds a line. */
void report_add(struct guard_report *report, struct arena *a, const char *name,
		enum guard_outcome outcome, const char *detail);

/* A line by its name, or NULL. */
const struct guard_mechanism *report_find(const struct guard_report *report, const char *name);

/* PURE. The result that the lines, the tasks and the findings amount to. */
enum guard_result report_judge(const struct guard_report *report);
