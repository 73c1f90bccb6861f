/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said to criu and what it says, as bytes. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "engine/criu.h"
#include "engine/criu_wire.h"

/* Kinds of messages beside those of enum criu_what. */
enum { CRIU_NOTIFY = 6, CRIU_VERSION = 10 };

struct criu_answer {
	uint64_t type;
	bool success;
	const char *message, *script;	/* or NULL */
	pid_t pid;			/* 0: not said */
	uint64_t version;		/* 40201 is 4.2.1 */
};

/* The options of a request. */
struct text criu_message_options(const struct criu_request *r, struct arena *a);

/* Options to which this is added leave packet filters as they are. criu 3.19 and newer know it. */
void criu_message_no_lock(struct text *options);

/* Takes an answer apart; false when it is none. Texts are in the arena. */
bool criu_message_read(struct wire w, struct arena *a, struct criu_answer *ret)
	__attribute__((warn_unused_result));
