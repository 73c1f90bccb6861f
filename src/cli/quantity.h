/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units, as people and engines write them on a command line. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A whole number in decimal digits, with or without a minus. False: it is none, or too large. */
bool quantity_i64(const char *text, int64_t *ret);
bool quantity_u64(const char *text, uint64_t *ret);

/*
 * Bytes: digits, perhaps with a fraction, and perhaps a unit: K, M, G, T or P of either case, each
 * 1024 times the one before, with or without "B" or "iB" behind it; "B" alone is a byte. -1 is -1.
 */
bool quantity_bytes(const char *text, int64_t *ret);

/*
 * A time in nanoseconds, as Go's programs take it: "5s", "100ms", "1h30m", "1.5s"; the units are
 * ns, us, ms, s, m and h. 0 needs none. May be negative.
 */
bool quantity_time(const char *text, int64_t *ret);
