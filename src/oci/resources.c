/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resources object: of config.json, and of the document that `update --resources` takes.
 * Which file of which controller a value goes to is the planner's. PURE.
 */
#include <string.h>

#include "base/text.h"
#include "oci/tables.h"
#include "oci/words.h"

enum { WORD_MAX = 60 };

/* -1 is how callers write "any". */
static void any_if_negative(struct opt_i64 *number)
{
	if (number->set && number->value < 0)
		*number = (struct opt_i64){ 0 };
}

static int check_device_rule(const struct binding *b, const struct node *n, void *object)
{
	struct oci_device_rule *rule = object;
	auto_arena a = ARENA_NONE;

	any_if_negative(&rule->major);
	any_if_negative(&rule->minor);
	if (rule->access && rule->access[strspn(rule->access, "rwm")])
		return doc_err(b->doc, doc_find(n, "access"), b->e,
			       "expected letters of \"rwm\", found %s",
			       text_quote(&a, rule->access, WORD_MAX));
	return 0;
}

static const struct bind device_rule_rows[] = {
	B_LINE(struct oci_device_rule, line),
	B_BOOL(struct oci_device_rule, allow, "allow", B_REQUIRED),
	B_WORD(struct oci_device_rule, type, "type", enum oci_device_type, words_rule_types,
	       "device type"),
	B_OPT_I64_IN(struct oci_device_rule, major, "major", -1, OCI_MAJOR_MAX),
	B_OPT_I64_IN(struct oci_device_rule, minor, "minor", -1, OCI_MINOR_MAX),
	B_STR(struct oci_device_rule, access, "access"),
	B_CHECK(check_device_rule),
	B_END
};

/* -1 is "no limit". */
#define LIMIT(s, field, name) B_OPT_I64_IN(s, field, name, -1, INT64_MAX)

static const struct bind memory_rows[] = {
	B_SET(struct oci_memory, set),
	B_LINE(struct oci_memory, line),
	LIMIT(struct oci_memory, limit, "limit"),
	LIMIT(struct oci_memory, reservation, "reservation"),
	LIMIT(struct oci_memory, swap, "swap"),
	LIMIT(struct oci_memory, kernel, "kernel"),
	LIMIT(struct oci_memory, kernel_tcp, "kernelTCP"),
	B_OPT_U64_IN(struct oci_memory, swappiness, "swappiness", 0, 100),
	B_OPT_BOOL(struct oci_memory, disable_oom_killer, "disableOOMKiller"),
	B_OPT_BOOL(struct oci_memory, use_hierarchy, "useHierarchy"),
	B_OPT_BOOL(struct oci_memory, check_before_update, "checkBeforeUpdate"),
	B_END
};

static const struct bind cpu_rows[] = {
	B_SET(struct oci_cpu, set),
	B_LINE(struct oci_cpu, line),
	B_OPT_U64(struct oci_cpu, shares, "shares"),
	LIMIT(struct oci_cpu, quota, "quota"),
	B_OPT_U64(struct oci_cpu, period, "period"),
	B_OPT_U64(struct oci_cpu, burst, "burst"),
	LIMIT(struct oci_cpu, realtime_runtime, "realtimeRuntime"),
	B_OPT_U64(struct oci_cpu, realtime_period, "realtimePeriod"),
	B_STR(struct oci_cpu, cpus, "cpus", B_ONE_LINE),
	B_STR(struct oci_cpu, mems, "mems", B_ONE_LINE),
	B_OPT_I64_IN(struct oci_cpu, idle, "idle", 0, 1),
	B_END
};

static const struct bind pids_rows[] = {
	B_SET(struct oci_pids, set),
	LIMIT(struct oci_pids, limit, "limit"),
	B_END
};

static int check_weight_device(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_weight_device *device = object;

	if (!device->weight.set && !device->leaf_weight.set)
		return doc_err(b->doc, n, b->e, "needs \"weight\" or \"leafWeight\"");
	return 0;
}

static const struct bind weight_device_rows[] = {
	B_I64_IN(struct oci_weight_device, major, "major", 0, OCI_MAJOR_MAX, B_REQUIRED),
	B_I64_IN(struct oci_weight_device, minor, "minor", 0, OCI_MINOR_MAX, B_REQUIRED),
	B_OPT_U32_IN(struct oci_weight_device, weight, "weight", 0, UINT16_MAX),
	B_OPT_U32_IN(struct oci_weight_device, leaf_weight, "leafWeight", 0, UINT16_MAX),
	B_CHECK(check_weight_device),
	B_END
};

static const struct bind throttle_rows[] = {
	B_I64_IN(struct oci_throttle_device, major, "major", 0, OCI_MAJOR_MAX, B_REQUIRED),
	B_I64_IN(struct oci_throttle_device, minor, "minor", 0, OCI_MINOR_MAX, B_REQUIRED),
	B_U64(struct oci_throttle_device, rate, "rate", B_REQUIRED),
	B_END
};

#define THROTTLE(field, name) \
	B_LIST(struct oci_block_io, field, name, struct oci_throttle_device, throttle_rows)

static const struct bind block_io_rows[] = {
	B_SET(struct oci_block_io, set),
	B_LINE(struct oci_block_io, line),
	B_OPT_U32_IN(struct oci_block_io, weight, "weight", 0, UINT16_MAX),
	B_OPT_U32_IN(struct oci_block_io, leaf_weight, "leafWeight", 0, UINT16_MAX),
	B_LIST(struct oci_block_io, weight_devices, "weightDevice", struct oci_weight_device,
	       weight_device_rows),
	THROTTLE(read_bps, "throttleReadBpsDevice"),
	THROTTLE(write_bps, "throttleWriteBpsDevice"),
	THROTTLE(read_iops, "throttleReadIOPSDevice"),
	THROTTLE(write_iops, "throttleWriteIOPSDevice"),
	B_END
};

/* A number that does not begin with 0, one of K, M and G, then B: "2MB", not "64kB". */
static int read_page_size(const struct binding *b, const struct node *n, void *field)
{
	auto_arena a = ARENA_NONE;
	size_t digits;

	if (bind_check_str(b, n, 0))
		return -1;
	digits = strspn(n->text, "0123456789");
	if (digits == 0 || n->text[0] == '0' || n->len != digits + 2 ||
	    !strchr("KMG", n->text[digits]) || n->text[digits + 1] != 'B')
		return doc_err(b->doc, n, b->e, "expected a size like \"2MB\", found %s",
			       text_quote(&a, n->text, WORD_MAX));
	*(char **)field = n->text;
	return 0;
}

static int check_hugepage_limit(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_hugepage_limit *limit = object;

	if (!limit->page_size)
		return doc_err(b->doc, n, b->e, "\"pageSize\" is missing");
	if (doc_find(n, "pageSize") && doc_find(n, "pagesize"))
		return doc_err(b->doc, n, b->e, "has \"pageSize\" and \"pagesize\"");
	return 0;
}

/* Readers in Go take names in any case, and documents were written that say "pagesize". */
static const struct bind hugepage_rows[] = {
	B_CUSTOM(struct oci_hugepage_limit, page_size, "pageSize", char *, read_page_size, 0),
	B_CUSTOM(struct oci_hugepage_limit, page_size, "pagesize", char *, read_page_size, 0),
	B_U64(struct oci_hugepage_limit, limit, "limit", B_REQUIRED),
	B_CHECK(check_hugepage_limit),
	B_END
};

struct interface_priority {
	char *name;
	uint32_t priority;
};

static const struct bind interface_rows[] = {
	B_STR(struct interface_priority, name, "name", B_REQUIRED),
	B_U32(struct interface_priority, priority, "priority", B_REQUIRED),
	B_END
};

/* Checked and counted: cgroup v2 has nowhere to put them, so nobody wants to know more. */
static int read_priorities(const struct binding *b, const struct node *n, void *field)
{
	if (n->type != NODE_ARRAY)
		return doc_err_type(b->doc, n, b->e, "an array");
	for (const struct node *child = n->first; child; child = child->next) {
		struct interface_priority priority = { 0 };

		if (bind_read(b, child, interface_rows, &priority))
			return -1;
	}
	*(size_t *)field = n->len;
	return 0;
}

static const struct bind network_rows[] = {
	B_SET(struct oci_network, set),
	B_OPT_U32(struct oci_network, class_id, "classID"),
	B_CUSTOM(struct oci_network, priorities, "priorities", size_t, read_priorities),
	B_END
};

static int check_rdma(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_rdma *rdma = object;

	if (!rdma->handles.set && !rdma->objects.set)
		return doc_err(b->doc, n, b->e, "needs \"hcaHandles\" or \"hcaObjects\"");
	return 0;
}

static const struct bind rdma_rows[] = {
	B_OPT_U32(struct oci_rdma, handles, "hcaHandles"),
	B_OPT_U32(struct oci_rdma, objects, "hcaObjects"),
	B_CHECK(check_rdma),
	B_END
};

/* A key of `unified` is a file of the container's own cgroup and of no other. */
static int check_unified(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_resources *resources = object;

	for (size_t i = 0; i < resources->unified.count; i++) {
		const char *key = resources->unified.items[i].key;

		if (strchr(key, '/') || key[0] == '.' || !strchr(key, '.'))
			return doc_err(b->doc, doc_at(doc_find(n, "unified"), i), b->e,
				       "a key is a file name like \"memory.high\"");
	}
	return 0;
}

const struct bind oci_resources_rows[] = {
	B_SET(struct oci_resources, set),
	B_LINE(struct oci_resources, line),
	B_LIST(struct oci_resources, devices, "devices", struct oci_device_rule, device_rule_rows),
	B_OBJECT(struct oci_resources, memory, "memory", struct oci_memory, memory_rows),
	B_OBJECT(struct oci_resources, cpu, "cpu", struct oci_cpu, cpu_rows),
	B_OBJECT(struct oci_resources, pids, "pids", struct oci_pids, pids_rows),
	B_OBJECT(struct oci_resources, block_io, "blockIO", struct oci_block_io, block_io_rows),
	B_LIST(struct oci_resources, hugepages, "hugepageLimits", struct oci_hugepage_limit,
	       hugepage_rows),
	B_OBJECT(struct oci_resources, network, "network", struct oci_network, network_rows),
	B_MAP(struct oci_resources, rdma, "rdma", struct oci_rdma, device, rdma_rows),
	B_PAIRS(struct oci_resources, unified, "unified"),
	B_CHECK(check_unified),
	B_END
};
