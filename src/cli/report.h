/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What quarantine and release did, for people and for programs.
 */
#pragma once

#include "base/text.h"
#include "orlop/guard.h"

/* `result` is the word for all of it; `observe` is only said of a quarantine. */
void report_print(struct text *t, const struct guard_report *report, const char *result,
		  bool quarantine);
void report_print_json(struct text *t, const struct guard_report *report, const char *result,
		       bool quarantine);
