/* SPDX-License-Identifier: Apache-2.0 */
/* The readings of counter files, with texts as kernels write them and as none should. */
#include "engine/cgroup_stats.h"

#include "check.h"
#include "engine/cgroup_update.h"
#include "orlop/auto.h"

static void check_values(void)
{
	static const char text[] = "low 0\nhigh 3\noom 2\noom_kill 1\noom_kill_local 9\n"
				   "big 18446744073709551615";

	CHECK(cgroup_stats_value(text, "low") == 0);
	CHECK(cgroup_stats_value(text, "high") == 3);
	CHECK(cgroup_stats_value(text, "oom") == 2);
	CHECK(cgroup_stats_value(text, "oom_kill") == 1);
	CHECK(cgroup_stats_value(text, "big") == UINT64_MAX);
	CHECK(cgroup_stats_value(text, "absent") == 0);
	CHECK(cgroup_stats_value("", "low") == 0);
	CHECK(cgroup_stats_number("max") == UINT64_MAX);
	CHECK(cgroup_stats_number("12345") == 12345);
	CHECK(cgroup_stats_number("") == 0 && cgroup_stats_number("odd") == 0);
}

static void check_pressure(void)
{
	struct stats_pressure p = cgroup_stats_pressure(
		"some avg10=1.50 avg60=12.34 avg300=0.05 total=123456789012\n"
		"full avg10=100.00 avg60=0.00 avg300=9.99 total=7");

	CHECK(p.set && p.some.avg10 == 150 && p.some.avg60 == 1234 && p.some.avg300 == 5);
	CHECK(p.some.total == 123456789012);
	CHECK(p.full.avg10 == 10000 && p.full.avg60 == 0 && p.full.avg300 == 999);
	CHECK(p.full.total == 7);
	/* Before Linux 5.13 nobody waited for processors alone: no second line. */
	p = cgroup_stats_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=5");
	CHECK(p.set && p.some.total == 5 && p.full.total == 0);
	p = cgroup_stats_pressure("");
	CHECK(p.set && p.some.total == 0);
	p = cgroup_stats_pressure("some total=x avg10=\nfull");
	CHECK(p.some.total == 0 && p.some.avg10 == 0 && p.full.avg10 == 0);
}

static void check_memory(void)
{
	auto_arena a = ARENA_NONE;
	struct stats stats = { 0 };

	cgroup_stats_memory("file 8192\nanon 4096\n\nodd\nkernel 1\nfile_mapped 3", &a, &stats);
	CHECK(stats.memory.cache == 8192);
	CHECK(stats.memory.raw.count == 4, "%zu", stats.memory.raw.count);
	CHECK_STR(stats.memory.raw.items[0].name, "anon");
	CHECK_STR(stats.memory.raw.items[1].name, "file");
	CHECK_STR(stats.memory.raw.items[2].name, "file_mapped");
	CHECK(stats.memory.raw.items[2].value == 3);
	CHECK_STR(stats.memory.raw.items[3].name, "kernel");
	cgroup_stats_memory("", &a, &stats);
	CHECK(stats.memory.raw.count == 0 && stats.memory.cache == 0);
}

static void check_io(void)
{
	auto_arena a = ARENA_NONE;
	struct stats stats = { 0 };

	/* Lines without a counter are those of devices that nobody used (Linux 6). */
	cgroup_stats_io("8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n"
			"254:0 \n8:0\nodd 1:1\n"
			"259:1048575 rios=7 cost.usage=3\n"
			"7:0 cost.vrate=100.00\n", &a, &stats);
	CHECK(stats.io.devices.count == 2, "%zu", stats.io.devices.count);
	CHECK(stats.io.devices.items[0].major == 8 && stats.io.devices.items[0].minor == 16);
	CHECK(stats.io.devices.items[0].read_bytes == 1459200);
	CHECK(stats.io.devices.items[0].written_bytes == 314773504);
	CHECK(stats.io.devices.items[0].reads == 192 && stats.io.devices.items[0].writes == 353);
	CHECK(stats.io.devices.items[1].minor == 1048575 && stats.io.devices.items[1].reads == 7);
	cgroup_stats_io("", &a, &stats);
	CHECK(stats.io.devices.count == 0);
}

/* What takes a write back. */
static void check_inverse(void)
{
	static const struct {
		const char *file, *old, *value, *inverse;
	} rows[] = {
		{ "memory.max", "max", "100", "max" },
		{ "cpu.max", "max 100000", "5000 100000", "max 100000" },
		{ "cpuset.cpus", "", "0-1", "\n" },
		{ "io.max", "8:0 rbps=1 wbps=max riops=max wiops=max\n8:1 rbps=2", "8:0 wbps=7",
		  "8:0 rbps=1 wbps=max riops=max wiops=max" },
		{ "io.max", "8:1 rbps=2", "8:1 rbps=3", "8:1 rbps=2" },
		{ "io.max", "8:16 rbps=2", "8:1 rbps=3",
		  "8:1 rbps=max wbps=max riops=max wiops=max" },
		{ "io.max", "", "8:1 rbps=3", "8:1 rbps=max wbps=max riops=max wiops=max" },
		{ "io.weight", "default 100\n8:0 50", "500", "default 100" },
		{ "io.weight", "default 100\n8:0 50", "default 500", "default 100" },
		{ "io.bfq.weight", "default 100\n8:0 50", "8:0 60", "8:0 50" },
		{ "io.bfq.weight", "default 100", "8:0 60", "8:0 default" },
		{ "rdma.max", "mlx4_0 hca_handle=2 hca_object=max\nmlx4_1 hca_handle=max",
		  "mlx4_1 hca_handle=3", "mlx4_1 hca_handle=max" },
		{ "rdma.max", "", "mlx4_1 hca_handle=3", NULL },
		{ "misc.max", "res_a max\nres_b 4", "res_b 3", "res_b 4" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;

		CHECK_STR(cgroup_update_inverse(rows[i].file, rows[i].old, rows[i].value, &a),
			  rows[i].inverse);
	}
}

int main(void)
{
	check_values();
	check_pressure();
	check_memory();
	check_io();
	check_inverse();
	return check_result();
}
