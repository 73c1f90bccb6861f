/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, times and numbers of command lines: a row for each way to write one, right or wrong. */
#include "cli/quantity.h"

#include <stddef.h>

#include "check.h"
#include "orlop/auto.h"

enum { KIB = 1024 };

struct row {
	const char *text;
	bool good;
	int64_t value;
};

static void check_rows(const struct row *rows, size_t count, bool (*read)(const char *, int64_t *))
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = -77;
		bool good = read(rows[i].text, &value);

		CHECK(good == rows[i].good, "\"%s\"", rows[i].text);
		CHECK(!good || value == rows[i].value, "\"%s\": %lld", rows[i].text,
		      (long long)value);
	}
}

static void check_bytes(void)
{
	static const struct row rows[] = {
		{ "0", true, 0 }, { "1", true, 1 }, { "-1", true, -1 }, { "007", true, 7 },
		{ "5b", true, 5 }, { "5B", true, 5 }, { "1k", true, KIB }, { "1K", true, KIB },
		{ "2kb", true, 2 * KIB }, { "2KiB", true, 2 * KIB }, { "3m", true, 3 * KIB * KIB },
		{ "1g", true, 1LL << 30 }, { "1T", true, 1LL << 40 }, { "1p", true, 1LL << 50 },
		{ "1.5g", true, 3LL << 29 }, { ".5k", true, 512 }, { "1.", true, 1 },
		{ "0.9", true, 0 }, { "64 MB", true, 64 << 20 },
		{ "1.333333333333333333333333333g", true, 1431655765 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "8191p", true, 8191LL << 50 },
		{ "9223372036854775808", false, 0 }, { "8192p", false, 0 },
		{ "99999999999999999999", false, 0 }, { "20000000000g", false, 0 },
		{ "", false, 0 }, { ".", false, 0 }, { "k", false, 0 }, { "-2", false, 0 },
		{ "-1k", false, 0 }, { "+1", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 },
		{ "1  k", false, 0 }, { "1x", false, 0 }, { "1kk", false, 0 }, { "1ki", false, 0 },
		{ "1kbb", false, 0 }, { "1e3", false, 0 }, { "0x10", false, 0 }, { "max", false, 0 },
		{ "1.5.5k", false, 0 }, { "1@", false, 0 }, { "1bk", false, 0 },
	};

	check_rows(rows, ARRAY_LEN(rows), quantity_bytes);
}

static void check_times(void)
{
	static const struct row rows[] = {
		{ "0", true, 0 }, { "-0", true, 0 }, { "5s", true, 5000000000 },
		{ "100ms", true, 100000000 }, { "1ns", true, 1 }, { "7us", true, 7000 },
		{ "7\xc2\xb5s", true, 7000 }, { "7\xce\xbcs", true, 7000 },
		{ "1m", true, 60000000000 }, { "1h2m3.5s", true, 3723500000000 },
		{ "1.5s", true, 1500000000 }, { ".5s", true, 500000000 }, { "1.s", true, 1000000000 },
		{ "+1s", true, 1000000000 }, { "-5s", true, -5000000000 }, { "0s", true, 0 },
		{ "2562047h", true, 2562047LL * 3600000000000 },
		{ "2562048h", false, 0 }, { "9999999999999999999h", false, 0 },
		{ "", false, 0 }, { "-", false, 0 }, { "5", false, 0 }, { "s", false, 0 },
		{ "5 s", false, 0 }, { "5S", false, 0 }, { "5sec", false, 0 }, { "5s5", false, 0 },
		{ ".s", false, 0 }, { "1d", false, 0 }, { "1s-1s", false, 0 }, { "--1s", false, 0 },
	};

	check_rows(rows, ARRAY_LEN(rows), quantity_time);
}

static void check_numbers(void)
{
	static const struct row rows[] = {
		{ "0", true, 0 }, { "-1", true, -1 }, { "100000", true, 100000 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 }, { "-9223372036854775809", false, 0 },
		{ "", false, 0 }, { "-", false, 0 }, { "--1", false, 0 }, { "1 ", false, 0 },
		{ "0x1", false, 0 }, { "1.0", false, 0 }, { "+1", false, 0 },
	};
	uint64_t value = 0;

	check_rows(rows, ARRAY_LEN(rows), quantity_i64);
	CHECK(quantity_u64("18446744073709551615", &value) && value == UINT64_MAX);
	CHECK(!quantity_u64("18446744073709551616", &value));
	CHECK(!quantity_u64("-1", &value) && !quantity_u64("", &value));
}

int main(void)
{
	check_bytes();
	check_times();
	check_numbers();
	return check_result();
}
