/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a held group: no new process, and for one that is observed little processor time
 * and no more memory. What was there is saved in the journal before it is changed, and restored
 * as it was read, byte for byte.
 */
#pragma once

#include "guard/journal.h"

enum { LIMITS_COUNT = 3 };

/* When a limit is put in place. */
enum limits_when {
	LIMITS_AT_ONCE,
	LIMITS_OBSERVED,	/* after the freeze, and only when the group goes on */
};

/* Puts the limits of that moment in place; a line for each. Returns how many lines. */
size_t limits_apply(int group, enum limits_when when, struct journal *j, struct arena *a,
		    struct guard_mechanism lines[LIMITS_COUNT]);

/* Restores what the journal has saved; a line for each that was changed. */
size_t limits_undo(int group, const struct journal *j, struct arena *a,
		   struct guard_mechanism lines[LIMITS_COUNT]);

/* PURE. cpu.max for "QUOTA PERIOD": a fifth of a processor, or what is there when that is less. */
const char *limits_cpu(const char *now, struct arena *a);
/* PURE. memory.high: what is used now, in whole pages, or what is there when that is less. */
const char *limits_memory(const char *now, const char *used, struct arena *a);
