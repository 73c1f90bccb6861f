/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is told of a quarantine's limits; and that none of them is one it would not take.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "guard/limits.h"
#include "guard/unit.h"
#include "orlop/auto.h"

static void test_properties(void)
{
	static const struct {
		const char *file, *value, *name;
		uint64_t number, period;
	} rows[] = {
		{ "pids.max", "1", "TasksMax", 1 },
		{ "pids.max", "4915", "TasksMax", 4915 },
		{ "pids.max", "max", "TasksMax", UINT64_MAX },
		{ "pids.max", "0" },			/* out of systemd's range */
		{ "memory.high", "8192", "MemoryHigh", 8192 },
		{ "memory.high", "0", "MemoryHigh", 0 },
		{ "memory.high", "max", "MemoryHigh", UINT64_MAX },
		{ "cpu.max", "20000 100000", "CPUQuotaPerSecUSec", 200000, 100000 },
		{ "cpu.max", "max 100000", "CPUQuotaPerSecUSec", UINT64_MAX, 100000 },
		{ "cpu.max", "5000 50000", "CPUQuotaPerSecUSec", 100000, 50000 },
		{ "cpu.max", "12345 100000", "CPUQuotaPerSecUSec", 130000, 100000 },
		{ "cpu.max", "100" },
		{ "cpu.max", "18446744073709551614 1000" },
		{ "pids.max", "" },
		{ "pids.max", "5x" },
		{ "cpu.weight", "100" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct plan_unit_property got[2] = { { .name = "" } };
		size_t want = !rows[i].name ? 0 : rows[i].period ? 2 : 1;
		size_t count = unit_properties(rows[i].file, rows[i].value, got);

		CHECK(count == want, "%s \"%s\": %zu", rows[i].file, rows[i].value, count);
		if (!want)
			continue;
		CHECK_STR(got[0].name, rows[i].name);
		CHECK(got[0].type == 't' && got[0].number == rows[i].number,
		      "%s \"%s\": %" PRIu64, rows[i].file, rows[i].value, got[0].number);
		CHECK(want == 1 || (strcmp(got[1].name, "CPUQuotaPeriodUSec") == 0 &&
				    got[1].number == rows[i].period));
	}
}

static void put(int dir, const char *name, const char *value)
{
	CHECK(file_replace(dir, name, value, strlen(value)) == 0);
}

/* What is in force under systemd: no 0 processes, and nothing that was low enough before. */
static void test_limits(int dir)
{
	auto_arena a = ARENA_NONE;
	struct guard_request request = { .id = "web", .observe = true };
	struct guard_mechanism lines[LIMITS_COUNT];
	struct journal j;
	struct limits l = { .group = dir, .by_systemd = true, .journal = &j, .arena = &a };
	char text[64];
	struct err e;

	CHECK(journal_open(dir, "web", 100, &a, &j, &e) == 0);
	CHECK(journal_begin(&j, "web", &request, false, "T", &a, &e) == 0);
	put(dir, "pids.max", "512");
	put(dir, "cpu.max", "100 1000");
	put(dir, "memory.high", "max");
	put(dir, "memory.current", "4097");
	for (int again = 0; again < 2; again++) {
		l.in_force = (struct pair_list){ NULL, 0 };
		CHECK(limits_apply(&l, LIMITS_AT_ONCE, lines) == 1);
		CHECK(limits_apply(&l, LIMITS_OBSERVED, lines) == 2);
		/* Also when it was done before: that time systemd may not have been told. */
		CHECK(l.in_force.count == 2);
		CHECK_STR(l.in_force.items[0].key, "pids.max");
		CHECK_STR(l.in_force.items[0].value, "1");
		CHECK_STR(l.in_force.items[1].key, "memory.high");
		CHECK_STR(l.in_force.items[1].value, "8192");
	}
	CHECK(limits_hold(dir, "pids.max", "1", &a) == NULL);
	put(dir, "pids.max", "512");
	CHECK(limits_hold(dir, "pids.max", "1", &a) == NULL);
	CHECK(file_read(dir, "pids.max", text, sizeof(text)) == 1 && *text == '1');
	CHECK(limits_hold(dir, "pids.min", "1", &a) != NULL);
	CHECK(limits_undo(dir, &j, &a, lines) == 3);
	CHECK(file_read(dir, "pids.max", text, sizeof(text)) > 0);
	CHECK_STR(text, "512");
	CHECK(journal_remove(&j, &e) == 0);
	journal_close(&j);
	for (const char *const *name = (const char *const[]){ "pids.max", "cpu.max", "memory.high",
			"memory.current", NULL }; *name; name++)
		CHECK(unlinkat(dir, *name, 0) == 0);
}

int main(void)
{
	char path[] = "/tmp/orlop-unit-XXXXXX";
	auto_fd int dir = -1;

	CHECK(mkdtemp(path) != NULL);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_properties();
	test_limits(dir);
	CHECK(rmdir(path) == 0);
	return check_result();
}
