/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for ways out that programs on the cgroup do not close, and closing those that can be
 * closed at the container's network namespace.
 */
#pragma once

#include "guard/held.h"
#include "guard/scan_tables.h"

/*
 * Ends `run` and adds what is found, and a line for each thing that was done about it, to the
 * report.
 */
void scan_group(const struct held *h, const struct guard_request *request,
		struct tables_run *run, struct journal *j, struct arena *a,
		struct guard_report *report);

/* Takes back what was done at the network namespace that the journal names. */
void scan_undo(const struct held *h, const struct journal *j, struct arena *a,
	       struct guard_mechanism *line);
