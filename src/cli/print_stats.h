/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of `events`, in runc's form: which members there are, their order, and which of them
 * are left out when they are zero. PURE.
 */
#pragma once

#include "base/text.h"
#include "orlop/stats.h"

/* {"type":"stats",...} and a newline. */
void print_stats(struct text *t, const char *id, const struct stats *stats);

/* {"type":"oom",...} and a newline. */
void print_oom(struct text *t, const char *id);
