/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document was made for cgroup v1: much of it has no counterpart today and is always zero.
 */
#include "cli/print_stats.h"

#include <stdio.h>

#include "json/emit.h"

/* A member that is left out when it is zero. */
static void put(struct emit *m, const char *key, uint64_t value)
{
	if (value)
		emit_u64(m, key, value);
}

/* Hundredths, without zeros at the end: 1.5, 12.34, 0. */
static void put_hundredths(struct emit *m, const char *key, uint32_t value)
{
	char number[32];
	unsigned part = value % 100;

	if (part == 0)
		snprintf(number, sizeof(number), "%u", value / 100);
	else if (part % 10 == 0)
		snprintf(number, sizeof(number), "%u.%u", value / 100, part / 10);
	else
		snprintf(number, sizeof(number), "%u.%02u", value / 100, part);
	emit_raw(m, key, number);
}

static void put_stall(struct emit *m, const char *key, const struct stats_stall *s)
{
	emit_object(m, key);
	put_hundredths(m, "avg10", s->avg10);
	put_hundredths(m, "avg60", s->avg60);
	put_hundredths(m, "avg300", s->avg300);
	emit_u64(m, "total", s->total);
	emit_end(m);
}

static void put_pressure(struct emit *m, const struct stats_pressure *p)
{
	if (!p->set)
		return;
	emit_object(m, "psi");
	put_stall(m, "some", &p->some);
	put_stall(m, "full", &p->full);
	emit_end(m);
}

static void put_cpu(struct emit *m, const struct stats *s)
{
	emit_object(m, "cpu");
	emit_object(m, "usage");
	put(m, "total", s->cpu.total);
	emit_u64(m, "kernel", s->cpu.system);
	emit_u64(m, "user", s->cpu.user);
	emit_end(m);
	emit_object(m, "throttling");
	put(m, "periods", s->cpu.periods);
	put(m, "throttledPeriods", s->cpu.throttled_periods);
	put(m, "throttledTime", s->cpu.throttled_time);
	emit_end(m);
	put_pressure(m, &s->cpu.pressure);
	emit_end(m);
}

/* All of cgroup v1's, and none of cgroup v2's. */
static void put_cpuset(struct emit *m)
{
	static const char *const members[] = {
		"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate",
		"memory_spread_page", "memory_spread_slab", "memory_pressure",
		"sched_load_balance", "sched_relax_domain_level",
	};

	emit_object(m, "cpuset");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		emit_u64(m, members[i], 0);
	emit_end(m);
}

static void put_use(struct emit *m, const char *key, const struct stats_memory_use *use)
{
	emit_object(m, key);
	emit_u64(m, "limit", use->limit);
	put(m, "usage", use->usage);
	put(m, "max", use->peak);
	emit_u64(m, "failcnt", 0);
	emit_end(m);
}

static void put_memory(struct emit *m, const struct stats *s)
{
	static const struct stats_memory_use none;

	emit_object(m, "memory");
	put(m, "cache", s->memory.cache);
	put_use(m, "usage", &s->memory.memory);
	put_use(m, "swap", &s->memory.swap);
	put_use(m, "kernel", &none);
	put_use(m, "kernelTCP", &none);
	if (s->memory.raw.count) {
		emit_object(m, "raw");
		for (size_t i = 0; i < s->memory.raw.count; i++)
			emit_u64(m, s->memory.raw.items[i].name, s->memory.raw.items[i].value);
		emit_end(m);
	}
	put_pressure(m, &s->memory.pressure);
	emit_end(m);
}

static void put_entry(struct emit *m, const struct stats_io *d, const char *op, uint64_t value)
{
	emit_object(m, NULL);
	put(m, "major", d->major);
	put(m, "minor", d->minor);
	emit_str(m, "op", op);
	put(m, "value", value);
	emit_end(m);
}

static void put_io(struct emit *m, const struct stats *s)
{
	emit_object(m, "blkio");
	if (s->io.devices.count) {
		emit_array(m, "ioServiceBytesRecursive");
		for (size_t i = 0; i < s->io.devices.count; i++) {
			const struct stats_io *d = &s->io.devices.items[i];

			put_entry(m, d, "Read", d->read_bytes);
			put_entry(m, d, "Write", d->written_bytes);
		}
		emit_end(m);
		emit_array(m, "ioServicedRecursive");
		for (size_t i = 0; i < s->io.devices.count; i++) {
			const struct stats_io *d = &s->io.devices.items[i];

			put_entry(m, d, "Read", d->reads);
			put_entry(m, d, "Write", d->writes);
		}
		emit_end(m);
	}
	put_pressure(m, &s->io.pressure);
	emit_end(m);
}

static void put_hugepages(struct emit *m, const struct stats *s)
{
	emit_object(m, "hugetlb");
	for (size_t i = 0; i < s->hugepages.count; i++) {
		emit_object(m, s->hugepages.items[i].size);
		put(m, "usage", s->hugepages.items[i].usage);
		emit_u64(m, "failcnt", s->hugepages.items[i].refused);
		emit_end(m);
	}
	emit_end(m);
}

static void begin(struct emit *m, const char *type, const char *id)
{
	emit_object(m, NULL);
	emit_str(m, "type", type);
	emit_str(m, "id", id);
}

static void finish(struct text *t, struct emit *m)
{
	emit_end(m);
	text_printf(t, "%s\n", emit_get(m));
}

void print_stats(struct text *t, const char *id, const struct stats *s)
{
	struct emit m = EMIT_IN(t->arena, 0);

	begin(&m, "stats", id);
	emit_object(&m, "data");
	put_cpu(&m, s);
	put_cpuset(&m);
	put_memory(&m, s);
	emit_object(&m, "pids");
	put(&m, "current", s->pids.current);
	put(&m, "limit", s->pids.limit);
	emit_end(&m);
	put_io(&m, s);
	put_hugepages(&m, s);
	emit_object(&m, "intel_rdt");
	emit_end(&m);
	emit_null(&m, "network_interfaces");
	emit_end(&m);
	finish(t, &m);
}

void print_oom(struct text *t, const char *id)
{
	struct emit m = EMIT_IN(t->arena, 0);

	begin(&m, "oom", id);
	finish(t, &m);
}
