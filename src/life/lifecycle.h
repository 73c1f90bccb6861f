/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be done with a container in which status. PURE.
 */
#pragma once

#include "orlop/err.h"
#include "orlop/state.h"

enum lifecycle_verb {
	VERB_START,
	VERB_EXEC,
	VERB_EXEC_PAUSED,	/* exec --ignore-paused */
	VERB_KILL,
	VERB_PAUSE,
	VERB_RESUME,
	VERB_UPDATE,
	VERB_EVENTS,
	VERB_CHECKPOINT,
	VERB_DELETE,
	VERB_COUNT_
};

/* 0 when the verb may be done, otherwise -1 with the words that engines look for. */
int lifecycle_check(enum lifecycle_verb verb, enum state_status status, const char *id,
		    struct err *e) __attribute__((warn_unused_result));

/* Reports that there is no such container, and returns -1. */
int lifecycle_absent(struct err *e) __attribute__((cold));
