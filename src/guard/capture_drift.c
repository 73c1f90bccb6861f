/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Which of the processes run code that is not in the image, which lies in the writable
 * layer, and who listens: drift.json of a set.
 */
#include <string.h>
#include <time.h>

#include "guard/capture.h"
#include "guard/drift.h"

int capture_drift(struct capture *c, struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	uint64_t began = sink_now(CLOCK_REALTIME);
	struct drift_group g = { .record = c->known ? &c->record : NULL };
	pid_t *pids = arena_new_array(&scratch, pid_t, c->process_count);
	struct drift d;
	struct err ignored;
	const char *text;

	for (size_t i = 0; i < c->process_count; i++)
		pids[i] = c->processes[i].pid;
	g.pids = pids;
	g.count = c->process_count;
	if (state_waiting(c->dir, &g.waiting, &ignored) < 0)
		g.waiting = false;
	drift_look(&g, &scratch, &d);
	text = drift_json(&d, c->id, false, &scratch);
	return sink_put(c->sink, "drift.json", text, strlen(text), began, FROZEN(c),
			"/proc/PID/{exe,maps,map_files,mountinfo,fd}, the overlay's upper directory, "
			"sock_diag", e);
}
