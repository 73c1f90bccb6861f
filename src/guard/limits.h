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

/* A group whose limits are put in place. */
struct limits {
	int group;
	bool by_systemd;	/* it is a unit's: no value that systemd could not be told */
	struct journal *journal;
	struct arena *arena;
	struct pair_list in_force;	/* what was written, by file: a unit has to be told */
};

/* Puts the limits of that moment in place; a line for each. Returns how many lines. */
size_t limits_apply(struct limits *l, enum limits_when when,
		    struct guard_mechanism lines[LIMITS_COUNT]);

/*
 * Restores the limits of a group that was observed and shall stand still: who has used up his
 * processor time cannot come to be frozen. They stay in the journal.
 */
size_t limits_lift(struct limits *l, struct guard_mechanism lines[LIMITS_COUNT]);

/* Restores what the journal has saved; a line for each that was changed. */
size_t limits_undo(int group, const struct journal *j, struct arena *a,
		   struct guard_mechanism lines[LIMITS_COUNT]);

/*
 * Sees to it that a file that had this value has it: writes it again where it has not. NULL, or
 * what is wrong.
 */
const char *limits_hold(int group, const char *file, const char *value, struct arena *a);

/* PURE. cpu.max for "QUOTA PERIOD": a fifth of a processor, or what is there when that is less. */
const char *limits_cpu(const char *now, struct arena *a);
/* PURE. memory.high: what is used now, in whole pages, or what is there when that is less. */
const char *limits_memory(const char *now, const char *used, struct arena *a);
