/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linux object, without its two large parts: resources and seccomp. PURE.
 */
#include <inttypes.h>
#include <net/if.h>
#include <string.h>

#include "base/text.h"
#include "oci/tables.h"
#include "oci/words.h"

enum { WORD_MAX = 60, NANOSECONDS = 1000000000 };

static const struct bind namespace_rows[] = {
	B_LINE(struct oci_namespace, line),
	B_WORD(struct oci_namespace, type, "type", enum oci_ns, words_namespaces, "namespace",
	       B_REQUIRED),
	B_STR(struct oci_namespace, path, "path", B_ABSOLUTE),
	B_END
};

static int check_namespaces(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_linux *linux = object;
	unsigned seen = 0;

	for (size_t i = 0; i < linux->namespaces.count; i++) {
		enum oci_ns type = linux->namespaces.items[i].type;

		if (seen >> type & 1)
			return doc_err(b->doc, doc_at(doc_find(n, "namespaces"), i), b->e,
				       "a second namespace of type \"%s\"", words_ns[type].word);
		seen |= 1u << type;
	}
	return 0;
}

static int check_range(const struct binding *b, const struct node *n, const char *key,
		       uint32_t first, uint32_t size)
{
	uint64_t last = (uint64_t)first + size - 1;

	if (last <= OCI_ID_MAX)
		return 0;
	return doc_err(b->doc, doc_find(n, key), b->e,
		       "%" PRIu32 " ids from %" PRIu32 " end beyond %" PRIu32, size, first,
		       OCI_ID_MAX);
}

static int check_id_map(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_id_map *map = object;

	if (check_range(b, n, "containerID", map->container, map->size))
		return -1;
	return check_range(b, n, "hostID", map->host, map->size);
}

const struct bind oci_id_map_rows[] = {
	B_LINE(struct oci_id_map, line),
	B_U32_IN(struct oci_id_map, container, "containerID", 0, OCI_ID_MAX, B_REQUIRED),
	B_U32_IN(struct oci_id_map, host, "hostID", 0, OCI_ID_MAX, B_REQUIRED),
	B_U32_IN(struct oci_id_map, size, "size", 1, UINT32_MAX, B_REQUIRED),
	B_CHECK(check_id_map),
	B_END
};

static const struct bind time_offset_rows[] = {
	B_SET(struct oci_time_offset, set),
	B_I64(struct oci_time_offset, secs, "secs"),
	B_U32_IN(struct oci_time_offset, nanosecs, "nanosecs", 0, NANOSECONDS - 1),
	B_END
};

/* Members are clocks: one that the kernel cannot offset is a wrong value, not an extension. */
static const struct bind time_offsets_rows[] = {
	B_OBJECT(struct oci_linux, monotonic, "monotonic", struct oci_time_offset,
		 time_offset_rows),
	B_OBJECT(struct oci_linux, boottime, "boottime", struct oci_time_offset, time_offset_rows),
	B_REFUSE_UNKNOWN("clock"),
	B_END
};

/* One number of a device, which has to be there and in the kernel's range. */
static int check_number(const struct binding *b, const struct node *n, const char *key,
			int64_t max)
{
	const struct node *number = doc_find(n, key);
	int64_t value;

	if (!number)
		return doc_err(b->doc, n, b->e, "\"%s\" is missing", key);
	return doc_i64(b->doc, number, 0, max, &value, b->e);
}

/* A FIFO has no numbers, and those that were written are to be ignored whatever they are. */
static int check_device(const struct binding *b, const struct node *n, void *object)
{
	struct oci_device *device = object;

	if (device->type == OCI_DEVICE_FIFO) {
		device->major = device->minor = (struct opt_i64){ 0 };
		return 0;
	}
	if (check_number(b, n, "major", OCI_MAJOR_MAX))
		return -1;
	return check_number(b, n, "minor", OCI_MINOR_MAX);
}

static const struct bind device_rows[] = {
	B_LINE(struct oci_device, line),
	B_WORD(struct oci_device, type, "type", enum oci_device_type, words_device_types,
	       "device type", B_REQUIRED),
	B_STR(struct oci_device, path, "path", B_REQUIRED),
	B_OPT_I64(struct oci_device, major, "major"),
	B_OPT_I64(struct oci_device, minor, "minor"),
	B_OPT_U32(struct oci_device, mode, "fileMode"),
	B_OPT_U32_IN(struct oci_device, uid, "uid", 0, OCI_ID_MAX),
	B_OPT_U32_IN(struct oci_device, gid, "gid", 0, OCI_ID_MAX),
	B_CHECK(check_device),
	B_END
};

/* The kernel's rule for the name of an interface (dev_valid_name). */
static bool is_interface_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < IFNAMSIZ && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       !strpbrk(name, "/: \t\n\v\f\r");
}

static int check_interface(const struct binding *b, const struct node *n, const char *name)
{
	auto_arena a = ARENA_NONE;

	if (is_interface_name(name))
		return 0;
	return doc_err(b->doc, n, b->e, "%s cannot name an interface",
		       text_quote(&a, name, WORD_MAX));
}

static int check_net_device(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_net_device *device = object;

	if (check_interface(b, n, device->host_name))
		return -1;
	return device->name ? check_interface(b, doc_find(n, "name"), device->name) : 0;
}

static const struct bind net_device_rows[] = {
	B_STR(struct oci_net_device, name, "name"),
	B_CHECK(check_net_device),
	B_END
};

static int read_personality_flags(const struct binding *b, const struct node *n, void *field)
{
	auto_arena a = ARENA_NONE;

	(void)field;
	if (n->type != NODE_ARRAY)
		return doc_err_type(b->doc, n, b->e, "an array");
	if (!n->first)
		return 0;
	if (bind_check_str(b, n->first, 0))
		return -1;
	return doc_err(b->doc, n->first, b->e,
		       "unknown flag %s: the specification has none so far",
		       text_quote(&a, n->first->text, WORD_MAX));
}

static const struct bind personality_rows[] = {
	B_SET(struct oci_personality, set),
	B_LINE(struct oci_personality, line),
	B_WORD(struct oci_personality, domain, "domain", uint32_t, words_personalities,
	       "personality", B_REQUIRED),
	B_CUSTOM(struct oci_personality, flags, "flags", struct str_list, read_personality_flags),
	B_END
};

static const struct bind memory_policy_rows[] = {
	B_SET(struct oci_memory_policy, set),
	B_LINE(struct oci_memory_policy, line),
	B_WORD(struct oci_memory_policy, mode, "mode", int, words_mempolicy_modes,
	       "memory policy", B_REQUIRED),
	B_STR(struct oci_memory_policy, nodes, "nodes"),
	B_WORDS(struct oci_memory_policy, flags, "flags", uint32_t, words_mempolicy_flags,
		"memory policy flag"),
	B_END
};

/* A group's name is one directory of resctrl; "/" is the root group. */
static int read_clos_id(const struct binding *b, const struct node *n, void *field)
{
	if (bind_check_str(b, n, B_ONE_LINE))
		return -1;
	if (strcmp(n->text, "/") != 0 &&
	    (strchr(n->text, '/') || strcmp(n->text, ".") == 0 || strcmp(n->text, "..") == 0))
		return doc_err(b->doc, n, b->e, "expected \"/\" or a name without slashes");
	*(char **)field = n->len ? n->text : NULL;
	return 0;
}

static int check_rdt(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_intel_rdt *rdt = object;

	if (rdt->mem_bw_schema && strncmp(rdt->mem_bw_schema, "MB:", 3) != 0)
		return doc_err(b->doc, doc_find(n, "memBwSchema"), b->e,
			       "does not begin with \"MB:\"");
	return 0;
}

static const struct bind rdt_rows[] = {
	B_SET(struct oci_intel_rdt, set),
	B_LINE(struct oci_intel_rdt, line),
	B_CUSTOM(struct oci_intel_rdt, clos_id, "closID", char *, read_clos_id),
	B_STR(struct oci_intel_rdt, l3_cache_schema, "l3CacheSchema", B_ONE_LINE),
	B_STR(struct oci_intel_rdt, mem_bw_schema, "memBwSchema", B_ONE_LINE),
	B_STRS(struct oci_intel_rdt, schemata, "schemata", B_ONE_LINE),
	B_BOOL(struct oci_intel_rdt, enable_monitoring, "enableMonitoring"),
	B_CHECK(check_rdt),
	B_END
};

const struct bind oci_linux_rows[] = {
	B_SET(struct oci_linux, set),
	B_LIST(struct oci_linux, uid_maps, "uidMappings", struct oci_id_map, oci_id_map_rows),
	B_LIST(struct oci_linux, gid_maps, "gidMappings", struct oci_id_map, oci_id_map_rows),
	B_PAIRS(struct oci_linux, sysctl, "sysctl"),
	B_OBJECT(struct oci_linux, resources, "resources", struct oci_resources,
		 oci_resources_rows),
	B_STR(struct oci_linux, cgroups_path, "cgroupsPath"),
	B_LIST(struct oci_linux, namespaces, "namespaces", struct oci_namespace, namespace_rows),
	B_LIST(struct oci_linux, devices, "devices", struct oci_device, device_rows),
	B_MAP(struct oci_linux, net_devices, "netDevices", struct oci_net_device, host_name,
	      net_device_rows),
	B_OBJECT(struct oci_linux, seccomp, "seccomp", struct oci_seccomp, oci_seccomp_rows),
	B_WORD(struct oci_linux, rootfs_propagation, "rootfsPropagation", enum oci_propagation,
	       words_propagation, "propagation"),
	B_STRS(struct oci_linux, masked_paths, "maskedPaths", B_ABSOLUTE),
	B_STRS(struct oci_linux, readonly_paths, "readonlyPaths", B_ABSOLUTE),
	B_STR(struct oci_linux, mount_label, "mountLabel"),
	B_OBJECT(struct oci_linux, intel_rdt, "intelRdt", struct oci_intel_rdt, rdt_rows),
	B_OBJECT(struct oci_linux, personality, "personality", struct oci_personality,
		 personality_rows),
	B_OBJECT(struct oci_linux, memory_policy, "memoryPolicy", struct oci_memory_policy,
		 memory_policy_rows),
	B_PART("timeOffsets", time_offsets_rows),
	B_LINE_OF(struct oci_linux, lines.namespaces, "namespaces"),
	B_LINE_OF(struct oci_linux, lines.uid_maps, "uidMappings"),
	B_LINE_OF(struct oci_linux, lines.time_offsets, "timeOffsets"),
	B_LINE_OF(struct oci_linux, lines.net_devices, "netDevices"),
	B_LINE_OF(struct oci_linux, lines.cgroups_path, "cgroupsPath"),
	B_LINE_OF(struct oci_linux, lines.rootfs_propagation, "rootfsPropagation"),
	B_LINE_OF(struct oci_linux, lines.sysctl, "sysctl"),
	B_LINE_OF(struct oci_linux, lines.masked_paths, "maskedPaths"),
	B_LINE_OF(struct oci_linux, lines.readonly_paths, "readonlyPaths"),
	B_LINE_OF(struct oci_linux, lines.mount_label, "mountLabel"),
	B_CHECK(check_namespaces),
	B_END
};
