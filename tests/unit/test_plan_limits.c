/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of cgroup v2 limits: every value there is against the formula, and known rows. */
#include <math.h>
#include <stdint.h>

#include "check.h"
#include "plan/planner.h"

/* The formula as it is written down, in the C library's functions. */
static uint64_t weight_by_formula(uint64_t shares)
{
	double l = log2((double)shares);

	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
}

static void check_every_weight(void)
{
	uint64_t last = 0;
	unsigned wrong = 0, falling = 0;

	for (uint64_t shares = 2; shares <= 262144; shares++) {
		uint64_t weight = limit_cpu_weight(shares);

		wrong += weight != weight_by_formula(shares);
		falling += weight < last;
		last = weight;
	}
	CHECK(wrong == 0, "%u of 262143 weights differ", wrong);
	CHECK(falling == 0, "%u weights are below the one before", falling);
}

static void check_known_weights(void)
{
	static const struct {
		uint64_t shares, weight;
	} rows[] = {
		{ 1, 1 }, { 2, 1 }, { 10, 4 }, { 100, 17 }, { 102, 17 }, { 512, 59 }, { 1024, 100 },
		{ 2048, 174 }, { 10240, 639 }, { 262143, 10000 }, { 262144, 10000 },
		{ 262145, 10000 }, { UINT64_MAX, 10000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(limit_cpu_weight(rows[i].shares) == rows[i].weight, "shares %llu: %llu",
		      (unsigned long long)rows[i].shares,
		      (unsigned long long)limit_cpu_weight(rows[i].shares));
}

static void check_io_weights(void)
{
	static const struct {
		uint64_t weight, result;
	} rows[] = {
		{ 10, 1 }, { 11, 11 }, { 100, 910 }, { 500, 4950 }, { 750, 7475 }, { 1000, 10000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(limit_io_weight(rows[i].weight) == rows[i].result, "weight %llu: %llu",
		      (unsigned long long)rows[i].weight,
		      (unsigned long long)limit_io_weight(rows[i].weight));
}

/* Memory and swap together, as the configuration says it, to swap alone: NULL is a refusal. */
static void check_swap(void)
{
	static const struct {
		int64_t limit, swap;
		const char *swap_max, *max;
	} rows[] = {
		{ 0, 0, "-", "-" },
		{ 100, 0, "-", "100" },
		{ 100, 100, "0", "100" },
		{ 100, 250, "150", "100" },
		{ 100, -1, "max", "100" },
		{ -1, 0, "max", "max" },
		{ -1, -1, "max", "max" },
		{ 0, -1, "max", "-" },
		{ INT64_MAX, INT64_MAX, "0", "9223372036854775807" },
		{ 1, INT64_MAX, "9223372036854775806", "1" },
		{ 0, 100, NULL, NULL },
		{ -1, 100, NULL, NULL },
		{ 100, 99, NULL, NULL },
	};
	const struct host_facts facts = { .controllers = "memory" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		struct oci_resources r = { 0 };
		struct plan_cgroup made = { 0 };
		struct str_list warnings = { 0 };
		const char *swap_max = "-", *max = "-";
		struct err e = { 0 };

		r.memory.limit = (struct opt_i64){ rows[i].limit != 0, rows[i].limit };
		r.memory.swap = (struct opt_i64){ rows[i].swap != 0, rows[i].swap };
		if (plan_resources(&r, "r", &facts, &a, &made, &warnings, &e)) {
			CHECK(!rows[i].max, "row %zu is refused: %s", i, e.text);
			continue;
		}
		for (size_t k = 0; k < made.writes.count; k++) {
			if (strcmp(made.writes.items[k].file, "memory.swap.max") == 0)
				swap_max = made.writes.items[k].value;
			else if (strcmp(made.writes.items[k].file, "memory.max") == 0)
				max = made.writes.items[k].value;
		}
		CHECK_STR(swap_max, rows[i].swap_max);
		CHECK_STR(max, rows[i].max);
	}
}

int main(void)
{
	check_every_weight();
	check_known_weights();
	check_io_weights();
	check_swap();
	return check_result();
}
