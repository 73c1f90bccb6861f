/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every status with every verb. The texts are what engines look for.
 */
#include "check.h"
#include "life/lifecycle.h"
#include "orlop/auto.h"

#define ABSENT "container does not exist"
#define STOPPED "container not running"
#define NOT_PAUSED "container not paused"
#define NOT_STOPPED "cannot delete container web that is not stopped: "

/* NULL: allowed. The columns are creating, created, running, paused, stopped. */
static const char *const want[VERB_COUNT_][STATE_STATUS_COUNT_] = {
	[VERB_START] = { ABSENT, NULL, "cannot start an already running container",
			 "cannot start a container in the paused state",
			 "cannot start a container that has stopped" },
	[VERB_EXEC] = { ABSENT, NULL, NULL,
			"cannot exec in a paused container (use --ignore-paused to override)",
			"cannot exec in a stopped container" },
	[VERB_EXEC_PAUSED] = { ABSENT, NULL, NULL, NULL, "cannot exec in a stopped container" },
	[VERB_KILL] = { ABSENT, NULL, NULL, NULL, STOPPED },
	[VERB_PAUSE] = { ABSENT, NULL, NULL, STOPPED, STOPPED },
	[VERB_RESUME] = { ABSENT, NOT_PAUSED, NOT_PAUSED, NULL, NOT_PAUSED },
	[VERB_UPDATE] = { ABSENT, NULL, NULL, NULL, STOPPED },
	[VERB_EVENTS] = { ABSENT, NULL, NULL, NULL, "container with id web is not running" },
	[VERB_CHECKPOINT] = { ABSENT, "Container cannot be checkpointed in created state", NULL,
			      NULL, "Container cannot be checkpointed in stopped state" },
	[VERB_DELETE] = { NULL, NULL, NOT_STOPPED "running", NOT_STOPPED "paused", NULL },
};

int main(void)
{
	struct err e;

	for (int verb = 0; verb < VERB_COUNT_; verb++)
		for (int status = 0; status < STATE_STATUS_COUNT_; status++) {
			int got = lifecycle_check(verb, status, "web", &e);

			CHECK(got == (want[verb][status] ? -1 : 0), "verb %d, status %d", verb, status);
			if (got < 0) {
				CHECK_STR(e.text, want[verb][status]);
				CHECK(e.kind == ERR_STATE);
			}
		}
	CHECK(lifecycle_absent(&e) == -1);
	CHECK_STR(e.text, ABSENT);
	return check_result();
}
