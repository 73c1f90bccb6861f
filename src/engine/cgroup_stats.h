/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The counters of a group. Readings of single files are PURE, so that they can be
 * tested with texts of kernels that are not here.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/stats.h"

/*
 * Reads all counters of a group. A file that is not there counts as zeros; a group that is gone is
 * ERR_SYSTEM with ENODEV.
 */
int cgroup_stats(int group, struct arena *a, struct stats *ret, struct err *e)
	__attribute__((warn_unused_result));

/* The value of a line "KEY VALUE"; 0 without such a line. */
uint64_t cgroup_stats_value(const char *text, const char *key);

/* A file that is one number; "max" is UINT64_MAX, anything else that is no number 0. */
uint64_t cgroup_stats_number(const char *text);

/* The two lines of a pressure file. */
struct stats_pressure cgroup_stats_pressure(const char *text);

/* memory.stat into ret->memory.raw, by name, and ret->memory.cache. */
void cgroup_stats_memory(const char *text, struct arena *a, struct stats *ret);

/* io.stat into ret->io.devices; a device without a counter of ours is left out. */
void cgroup_stats_io(const char *text, struct arena *a, struct stats *ret);
