/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel counts for a cgroup, as values: read by engine/, handed on by life/, printed by
 * cli/. A file that is not there (its controller is not enabled) leaves zeros behind. Memory is the
 * arena's that the values were read into.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orlop/value.h"

/* How much of the time somebody waited: hundredths of a percent, and microseconds in all. */
struct stats_stall {
	uint32_t avg10, avg60, avg300;
	uint64_t total;
};

/* Pressure stall information; not set where the kernel was built or booted without it. */
struct stats_pressure {
	bool set;
	struct stats_stall some, full;
};

struct stats_count {
	const char *name;
	uint64_t value;
};

struct stats_memory_use {
	uint64_t usage, peak;
	uint64_t limit;			/* UINT64_MAX: none */
};

/* One block device. */
struct stats_io {
	uint64_t major, minor;
	uint64_t read_bytes, written_bytes, reads, writes;
};

struct stats_hugepages {
	const char *size;		/* "2MB" */
	uint64_t usage, refused;
};

struct stats {
	struct {
		uint64_t total, user, system;			/* nanoseconds */
		uint64_t periods, throttled_periods, throttled_time;
		struct stats_pressure pressure;
	} cpu;
	struct {
		LIST_OF(struct stats_count) raw;		/* memory.stat, by name */
		uint64_t cache;
		struct stats_memory_use memory;
		struct stats_memory_use swap;			/* memory and swap together */
		struct stats_pressure pressure;
	} memory;
	struct {
		uint64_t current, limit;			/* limit 0: none */
	} pids;
	struct {
		LIST_OF(struct stats_io) devices;
		struct stats_pressure pressure;
	} io;
	LIST_OF(struct stats_hugepages) hugepages;		/* by size, as text */
};
