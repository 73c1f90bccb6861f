/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sets of evidence stay in a directory. Those that were made by themselves, of a container
 * that was neither held nor alarmed about, are routine: they make room when there is too much.
 * All others are proofs and go only when somebody says so. No set goes without a line in the audit
 * log, which has its root.
 */
#pragma once

#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"

/* The name of a set that is made now: "DIRECTORY/ID-20261123T101500.123456Z". */
const char *keep_name(const char *directory, const char *id, struct arena *a);

/*
 * Removes routine sets, the oldest first, until all that is in the directory is at most `most`
 * bytes. Returns what is there afterwards.
 */
uint64_t keep_bound(const char *root, const char *directory, uint64_t most, struct arena *a);
