/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What config.json says: the OCI runtime specification 1.3 for Linux, one struct for each JSON
 * object, members in C spelling. Nothing is defaulted here: a default is a decision and belongs to
 * the planner. A member that was absent (or null) is a NULL string, an empty list, or `set` being
 * false; an empty string counts as absent too, because the engines' own structs cannot tell the
 * two apart. All memory belongs to the arena that the document was read into.
 *
 * `line` is the line of config.json on which the object begins, for messages; `lines` has those
 * of members that are no objects with a line of their own, 0 for one that is absent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

#undef linux	/* gnu17 predefines it as 1 */

/* Words that the specification owns; the spelling of each is a row in oci/words.c. */

enum oci_ns {		/* in the order in which they are joined: see oci/words.c */
	OCI_NS_USER,
	OCI_NS_CGROUP,
	OCI_NS_IPC,
	OCI_NS_UTS,
	OCI_NS_NETWORK,
	OCI_NS_PID,
	OCI_NS_TIME,
	OCI_NS_MOUNT,
	OCI_NS_COUNT_
};

enum oci_device_type {
	OCI_DEVICE_ALL,		/* 'a', in rules only */
	OCI_DEVICE_CHAR,	/* 'c' and 'u' */
	OCI_DEVICE_BLOCK,
	OCI_DEVICE_FIFO,
	OCI_DEVICE_COUNT_
};

enum oci_propagation {
	OCI_PROPAGATION_UNSET,
	OCI_PROPAGATION_SHARED,
	OCI_PROPAGATION_SLAVE,
	OCI_PROPAGATION_PRIVATE,
	OCI_PROPAGATION_UNBINDABLE,
	OCI_PROPAGATION_COUNT_
};

enum oci_seccomp_action {
	OCI_SECCOMP_UNSET,
	OCI_SECCOMP_KILL,	/* KILL and KILL_THREAD */
	OCI_SECCOMP_KILL_PROCESS,
	OCI_SECCOMP_TRAP,
	OCI_SECCOMP_ERRNO,
	OCI_SECCOMP_TRACE,
	OCI_SECCOMP_ALLOW,
	OCI_SECCOMP_LOG,
	OCI_SECCOMP_NOTIFY,
	OCI_SECCOMP_COUNT_
};

enum oci_seccomp_op {
	OCI_OP_NE,
	OCI_OP_LT,
	OCI_OP_LE,
	OCI_OP_EQ,
	OCI_OP_GE,
	OCI_OP_GT,
	OCI_OP_MASKED_EQ,
	OCI_OP_COUNT_
};

struct oci_id_map {
	uint32_t container, host, size;
	unsigned line;
};

struct id_map_list {
	struct oci_id_map *items;
	size_t count;
};

struct oci_mount {
	char *destination, *source, *type;
	struct str_list options;
	struct id_map_list uid_maps, gid_maps;
	unsigned line;
};

struct oci_caps {
	bool set;
	/* Bit n is capability n; names that no kernel header knows are listed in `unknown`. */
	uint64_t bounding, effective, inheritable, permitted, ambient;
	struct str_list unknown;
};

struct oci_rlimit {
	int resource;		/* RLIMIT_* */
	uint64_t soft, hard;
	unsigned line;
};

struct oci_user {
	bool set;
	uint32_t uid, gid;
	struct opt_u32 umask;
	struct {
		uint32_t *items;
		size_t count;
	} additional_gids;
};

struct oci_scheduler {
	bool set;
	int policy;		/* SCHED_* */
	int32_t nice, priority;
	uint64_t flags;		/* SCHED_FLAG_* */
	uint64_t runtime, deadline, period;	/* nanoseconds */
	unsigned line;
};

struct oci_io_priority {
	bool set;
	int class;		/* IOPRIO_CLASS_* */
	int priority;		/* 0 (highest) to 7 */
};

struct oci_process {
	bool set;
	unsigned line;
	bool terminal;
	struct oci_console_size {
		bool set;
		uint32_t height, width;
	} console_size;
	struct oci_user user;
	struct str_list args, env;
	char *cwd;
	struct oci_caps caps;
	LIST_OF(struct oci_rlimit) rlimits;
	bool no_new_privileges;
	struct opt_i64 oom_score_adj;
	char *apparmor_profile, *selinux_label;
	struct oci_scheduler scheduler;
	struct oci_io_priority io_priority;
	struct oci_cpu_affinity {
		bool set;
		char *initial, *final;
	} exec_cpu_affinity;
};

struct oci_hook {
	char *path;
	struct str_list args, env;
	struct opt_i64 timeout;	/* seconds */
	unsigned line;
};

struct hook_list {
	struct oci_hook *items;
	size_t count;
};

struct oci_hooks {
	struct hook_list prestart, create_runtime, create_container, start_container, poststart,
		poststop;
};

struct oci_namespace {
	enum oci_ns type;
	char *path;		/* NULL: make a new one */
	unsigned line;
};

struct oci_device {
	enum oci_device_type type;
	char *path;
	struct opt_i64 major, minor;	/* set unless a FIFO, which has none */
	struct opt_u32 mode, uid, gid;	/* mode as written: callers put S_IFMT bits into it */
	unsigned line;
};

struct oci_device_rule {
	bool allow;
	enum oci_device_type type;
	struct opt_i64 major, minor;	/* not set: any; -1 in the document is that too */
	char *access;		/* letters of "rwm", or NULL */
	unsigned line;
};

struct oci_net_device {
	char *host_name;	/* the member's key */
	char *name;		/* NULL: keep the host's name */
};

struct oci_weight_device {
	int64_t major, minor;
	struct opt_u32 weight, leaf_weight;
};

struct oci_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};

struct throttle_list {
	struct oci_throttle_device *items;
	size_t count;
};

struct oci_hugepage_limit {
	char *page_size;
	uint64_t limit;
};

struct oci_rdma {
	char *device;		/* the member's key */
	struct opt_u32 handles, objects;
};

struct oci_resources {
	bool set;
	unsigned line;
	LIST_OF(struct oci_device_rule) devices;
	struct oci_memory {
		bool set;
		struct opt_i64 limit, reservation, swap, kernel, kernel_tcp;
		struct opt_u64 swappiness;
		struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
		unsigned line;
	} memory;
	struct oci_cpu {
		bool set;
		struct opt_u64 shares, period, burst, realtime_period;
		struct opt_i64 quota, realtime_runtime, idle;
		char *cpus, *mems;
		unsigned line;
	} cpu;
	struct oci_pids {
		bool set;
		struct opt_i64 limit;
	} pids;
	struct oci_block_io {
		bool set;
		struct opt_u32 weight, leaf_weight;
		LIST_OF(struct oci_weight_device) weight_devices;
		struct throttle_list read_bps, write_bps, read_iops, write_iops;
		unsigned line;
	} block_io;
	LIST_OF(struct oci_hugepage_limit) hugepages;
	struct oci_network {
		bool set;
		struct opt_u32 class_id;
		size_t priorities;	/* how many interfaces were named */
	} network;
	LIST_OF(struct oci_rdma) rdma;
	struct pair_list unified;
};

struct oci_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	enum oci_seccomp_op op;
};

struct oci_seccomp_rule {
	struct str_list names;
	enum oci_seccomp_action action;
	struct opt_u32 errno_ret;
	LIST_OF(struct oci_seccomp_arg) args;
	unsigned line;
};

struct oci_seccomp {
	bool set;
	unsigned line;
	enum oci_seccomp_action default_action;
	struct opt_u32 default_errno;
	struct {
		uint32_t *items;	/* SCMP_ARCH_* tokens */
		size_t count;
	} architectures;
	bool flags_set;			/* the member was there, be it empty */
	uint32_t flags;			/* SECCOMP_FILTER_FLAG_* */
	char *listener_path, *listener_metadata;
	bool killable;			/* wait so for answers, where the kernel can; no member */
	LIST_OF(struct oci_seccomp_rule) rules;
};

struct oci_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};

struct oci_intel_rdt {
	bool set;
	char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct str_list schemata;
	bool enable_monitoring;
	unsigned line;
};

struct oci_linux {
	bool set;
	LIST_OF(struct oci_namespace) namespaces;
	struct id_map_list uid_maps, gid_maps;
	struct oci_time_offset monotonic, boottime;
	LIST_OF(struct oci_device) devices;
	LIST_OF(struct oci_net_device) net_devices;
	char *cgroups_path;
	struct oci_resources resources;
	enum oci_propagation rootfs_propagation;
	struct oci_seccomp seccomp;
	struct pair_list sysctl;
	struct str_list masked_paths, readonly_paths;
	char *mount_label;
	struct oci_personality {
		bool set;
		uint32_t domain;	/* PER_* */
		struct str_list flags;
		unsigned line;
	} personality;
	struct oci_memory_policy {
		bool set;
		int mode;		/* MPOL_* */
		char *nodes;
		uint32_t flags;		/* MPOL_F_* */
		unsigned line;
	} memory_policy;
	struct oci_intel_rdt intel_rdt;
	struct {
		unsigned namespaces, uid_maps, time_offsets, net_devices, cgroups_path,
			rootfs_propagation, sysctl, masked_paths, readonly_paths, mount_label;
	} lines;
};

struct oci_config {
	char *oci_version;
	struct oci_root {
		bool set;
		char *path;
		bool readonly;
		unsigned line;
	} root;
	LIST_OF(struct oci_mount) mounts;
	struct oci_process process;
	char *hostname, *domainname;
	struct oci_hooks hooks;
	struct pair_list annotations;
	struct oci_linux linux;
	struct {
		unsigned hostname, domainname, annotations, linux;
	} lines;
	/* A warning for each of the first members that are ignored and look like a known one. */
	struct str_list misspelt;
};

/*
 * Reads a configuration. `name` is what messages call the document ("config.json"). Strict: see
 * json/doc.h for what is refused as a document; a value of the wrong type or out of its range is
 * an error that names line and member path. Unknown members are ignored (specification 1.3,
 * "Extensibility"), but see `misspelt`. ociVersion must be 1.x.y. Whether the members make sense
 * together is not decided here.
 */
int oci_config_read(const char *name, const char *text, size_t len, struct arena *a,
		    struct oci_config *ret, struct err *e) __attribute__((warn_unused_result));

/* Reads a document that is one process object, as `exec --process` takes it. */
int oci_process_read(const char *name, const char *text, size_t len, struct arena *a,
		     struct oci_process *ret, struct err *e) __attribute__((warn_unused_result));

/* Reads a document that is one resources object, as `update --resources` takes it. */
int oci_resources_read(const char *name, const char *text, size_t len, struct arena *a,
		       struct oci_resources *ret, struct err *e)
	__attribute__((warn_unused_result));
