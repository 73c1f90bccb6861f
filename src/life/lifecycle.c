/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The table of statuses and verbs. The words are part of the interface: engines decide by
 * them whether a container is gone ("does not exist"), over ("container not running"), or whether
 * something is wrong. No text can be changed for beauty.
 */
#include "life/lifecycle.h"

#include <string.h>

static const char no_container[] = "container does not exist";
static const char not_running[] = "container not running";

/*
 * NULL: it may be done. "%s" stands for the id. A container that is still being created does not
 * exist yet, except for `delete`, which clears away what is left of it.
 */
static const char *const refusals[VERB_COUNT_][STATE_STATUS_COUNT_] = {
	[VERB_START] = {
		[STATE_CREATING] = no_container,
		[STATE_RUNNING] = "cannot start an already running container",
		[STATE_PAUSED] = "cannot start a container in the paused state",
		[STATE_STOPPED] = "cannot start a container that has stopped",
	},
	[VERB_EXEC] = {
		[STATE_CREATING] = no_container,
		[STATE_PAUSED] = "cannot exec in a paused container "
				 "(use --ignore-paused to override)",
		[STATE_STOPPED] = "cannot exec in a stopped container",
	},
	[VERB_EXEC_PAUSED] = {
		[STATE_CREATING] = no_container,
		[STATE_STOPPED] = "cannot exec in a stopped container",
	},
	[VERB_KILL] = {
		[STATE_CREATING] = no_container,
		[STATE_STOPPED] = not_running,
	},
	[VERB_PAUSE] = {
		[STATE_CREATING] = no_container,
		[STATE_PAUSED] = not_running,
		[STATE_STOPPED] = not_running,
	},
	[VERB_RESUME] = {
		[STATE_CREATING] = no_container,
		[STATE_CREATED] = "container not paused",
		[STATE_RUNNING] = "container not paused",
		[STATE_STOPPED] = "container not paused",
	},
	[VERB_UPDATE] = {
		[STATE_CREATING] = no_container,
		[STATE_STOPPED] = not_running,
	},
	[VERB_EVENTS] = {
		[STATE_CREATING] = no_container,
		[STATE_STOPPED] = "container with id %s is not running",
	},
	[VERB_CHECKPOINT] = {
		[STATE_CREATING] = no_container,
		[STATE_CREATED] = "Container cannot be checkpointed in created state",
		[STATE_STOPPED] = "Container cannot be checkpointed in stopped state",
	},
	[VERB_DELETE] = {
		[STATE_RUNNING] = "cannot delete container %s that is not stopped: running",
		[STATE_PAUSED] = "cannot delete container %s that is not stopped: paused",
	},
};

int lifecycle_check(enum lifecycle_verb verb, enum state_status status, const char *id,
		    struct err *e)
{
	const char *text = refusals[verb][status];
	const char *hole = text ? strstr(text, "%s") : NULL;

	if (!text)
		return 0;
	if (!hole)
		return err_set(e, ERR_STATE, "%s", text);
	return err_set(e, ERR_STATE, "%.*s%.80s%s", (int)(hole - text), text, id, hole + 2);
}

int lifecycle_absent(struct err *e)
{
	return err_set(e, ERR_STATE, "%s", no_container);
}
