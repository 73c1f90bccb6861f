/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time of day as text. Not by gmtime_r and strftime: they read the machine's time zone first.
 */
#pragma once

#include "orlop/arena.h"

/* Now, as RFC 3339 in UTC with this many digits of a second's fraction, 1 to 9. */
char *clock_text(unsigned digits, struct arena *a);
