/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd unit of a held group. systemd owns some files of it and writes them anew when it
 * reads its units, or when a property beside them is set, so it is told what stands in them now.
 * Nothing waits for it that holds the container: the limits are in force before, and every call
 * ends within UNIT_MS, whatever systemd does.
 */
#pragma once

#include "engine/systemd.h"
#include "guard/held.h"
#include "orlop/guard.h"

/* Twice that is less than others wait for the journal, which is locked meanwhile. */
enum { UNIT_MS = 800 };

/*
 * Tells systemd that these files of the group have these values, as they have; then sees to it that
 * they still do. *line says what came of it.
 */
void unit_tell(const struct held *h, const struct pair_list *values, struct arena *a,
	       struct guard_mechanism *line);

/*
 * PURE. The properties that make systemd write this value to this file, two at most; how many, 0
 * when there are none.
 */
size_t unit_properties(const char *file, const char *value, struct plan_unit_property ret[2]);
