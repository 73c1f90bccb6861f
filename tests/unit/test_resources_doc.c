/* SPDX-License-Identifier: Apache-2.0 */
/* Resources written and read back, and one document changed by another. */
#include "oci/resources_doc.h"

#include "check.h"
#include "orlop/auto.h"

static struct oci_resources read_text(const char *text, struct arena *a)
{
	struct oci_resources r = { 0 };
	struct err e = { 0 };

	CHECK(oci_resources_read("r", text, strlen(text), a, &r, &e) == 0, "%s: %s", text, e.text);
	return r;
}

/* Every member there is: written as it was read. */
static const char full[] =
	"{\"devices\":[{\"allow\":false,\"type\":\"a\",\"access\":\"rwm\"},"
	"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"r\"}],"
	"\"memory\":{\"limit\":1,\"reservation\":2,\"swap\":-1,\"kernel\":4,\"kernelTCP\":5,"
	"\"swappiness\":6,\"disableOOMKiller\":false,\"useHierarchy\":true,"
	"\"checkBeforeUpdate\":true},"
	"\"cpu\":{\"shares\":18446744073709551615,\"quota\":-1,\"burst\":3,\"period\":4,"
	"\"realtimeRuntime\":5,\"realtimePeriod\":6,\"cpus\":\"0-1\",\"mems\":\"0\",\"idle\":1},"
	"\"pids\":{\"limit\":-1},"
	"\"blockIO\":{\"weight\":10,\"leafWeight\":11,"
	"\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":12,\"leafWeight\":13}],"
	"\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":1}],"
	"\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":2,\"rate\":2}],"
	"\"throttleReadIOPSDevice\":[{\"major\":8,\"minor\":3,\"rate\":3}],"
	"\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":4,\"rate\":4}]},"
	"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}],"
	"\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":4}},"
	"\"unified\":{\"memory.high\":\"1\",\"io.max\":\"8:0 rbps=1\\n8:1 rbps=2\"}}";

static void check_round_trip(void)
{
	static const char *const documents[] = {
		full, "{}", "{\"memory\":{}}", "{\"pids\":{\"limit\":0}}",
		"{\"cpu\":{\"burst\":0,\"idle\":0}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		auto_arena a = ARENA_NONE;
		struct oci_resources r = read_text(documents[i], &a);

		CHECK_STR(oci_resources_text(&r, &a), documents[i]);
	}
}

static void check_merge(void)
{
	static const struct {
		const char *old, *change, *result;
	} rows[] = {
		{ "{}", "{}", "{}" },
		{ full, "{}", full },
		{ "{\"memory\":{\"limit\":100,\"reservation\":50}}", "{\"memory\":{\"limit\":200}}",
		  "{\"memory\":{\"limit\":200,\"reservation\":50}}" },
		/* 0 is never written, so it changes nothing. */
		{ "{\"memory\":{\"limit\":100},\"pids\":{\"limit\":7}}",
		  "{\"memory\":{\"limit\":0},\"pids\":{\"limit\":0}}",
		  "{\"memory\":{\"limit\":100},\"pids\":{\"limit\":7}}" },
		/* Swap is said together with memory, and stays what was said. */
		{ "{\"memory\":{\"limit\":100,\"swap\":150}}", "{\"memory\":{\"limit\":60}}",
		  "{\"memory\":{\"limit\":60,\"swap\":150}}" },
		{ "{\"memory\":{\"limit\":100,\"swap\":150}}",
		  "{\"memory\":{\"limit\":200,\"swap\":200}}",
		  "{\"memory\":{\"limit\":200,\"swap\":200}}" },
		{ "{\"memory\":{\"limit\":100,\"swap\":150}}",
		  "{\"memory\":{\"limit\":-1,\"swap\":-1}}",
		  "{\"memory\":{\"limit\":-1,\"swap\":-1}}" },
		{ "{\"memory\":{\"limit\":100,\"swap\":-1}}", "{\"memory\":{\"limit\":7}}",
		  "{\"memory\":{\"limit\":7,\"swap\":-1}}" },
		{ "{\"memory\":{\"checkBeforeUpdate\":true}}",
		  "{\"memory\":{\"checkBeforeUpdate\":false}}",
		  "{\"memory\":{\"checkBeforeUpdate\":false}}" },
		/* Idle and shares take each other's place. */
		{ "{\"cpu\":{\"shares\":512}}", "{\"cpu\":{\"idle\":1}}", "{\"cpu\":{\"idle\":1}}" },
		{ "{\"cpu\":{\"idle\":1}}", "{\"cpu\":{\"shares\":512,\"idle\":0}}",
		  "{\"cpu\":{\"shares\":512,\"idle\":0}}" },
		{ "{\"cpu\":{\"idle\":1}}", "{\"cpu\":{\"idle\":0}}", "{\"cpu\":{\"idle\":0}}" },
		/* Who was not idle and shall not be keeps the weight. */
		{ "{\"cpu\":{\"shares\":512}}", "{\"cpu\":{\"idle\":0}}",
		  "{\"cpu\":{\"shares\":512,\"idle\":0}}" },
		{ "{\"cpu\":{\"quota\":5,\"burst\":2,\"period\":10}}",
		  "{\"cpu\":{\"burst\":0,\"cpus\":\"1\"}}",
		  "{\"cpu\":{\"quota\":5,\"burst\":0,\"period\":10,\"cpus\":\"1\"}}" },
		{ "{}", "{\"devices\":[{\"allow\":true}]}", "{}" },
		{ "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1},"
		  "{\"major\":8,\"minor\":1,\"rate\":2}]}}",
		  "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":9},"
		  "{\"major\":9,\"minor\":0,\"rate\":3},{\"major\":8,\"minor\":0,\"rate\":0},"
		  "{\"major\":7,\"minor\":0,\"rate\":0}]}}",
		  "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":9,\"minor\":0,\"rate\":3},"
		  "{\"major\":8,\"minor\":1,\"rate\":9}]}}" },
		{ "{\"blockIO\":{\"weight\":10,\"weightDevice\":["
		  "{\"major\":8,\"minor\":0,\"weight\":12}]}}",
		  "{\"blockIO\":{\"weight\":20,\"weightDevice\":["
		  "{\"major\":8,\"minor\":0,\"weight\":13},{\"major\":8,\"minor\":1,\"weight\":14}]}}",
		  "{\"blockIO\":{\"weight\":20,\"weightDevice\":["
		  "{\"major\":8,\"minor\":0,\"weight\":13},"
		  "{\"major\":8,\"minor\":1,\"weight\":14}]}}" },
		/* What is not said of a device stays. */
		{ "{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":12}]}}",
		  "{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":0}]}}",
		  "{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":12}]}}" },
		{ "{\"rdma\":{\"a\":{\"hcaHandles\":1,\"hcaObjects\":2}}}",
		  "{\"rdma\":{\"a\":{\"hcaObjects\":3}}}",
		  "{\"rdma\":{\"a\":{\"hcaHandles\":1,\"hcaObjects\":3}}}" },
		{ "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}],"
		  "\"rdma\":{\"a\":{\"hcaHandles\":1}},\"unified\":{\"memory.high\":\"1\"}}",
		  "{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":3},"
		  "{\"pageSize\":\"2MB\",\"limit\":2}],"
		  "\"rdma\":{\"a\":{\"hcaHandles\":2}},"
		  "\"unified\":{\"memory.high\":\"2\",\"memory.min\":\"3\"}}",
		  "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":2},"
		  "{\"pageSize\":\"1GB\",\"limit\":3}],"
		  "\"rdma\":{\"a\":{\"hcaHandles\":2}},"
		  "\"unified\":{\"memory.high\":\"2\",\"memory.min\":\"3\"}}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		struct oci_resources r = read_text(rows[i].old, &a);
		struct oci_resources change = read_text(rows[i].change, &a);

		oci_resources_merge(&r, &change, &a);
		CHECK_STR(oci_resources_text(&r, &a), rows[i].result);
	}
}

int main(void)
{
	check_round_trip();
	check_merge();
	return check_result();
}
