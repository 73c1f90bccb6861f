/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: everything that will be done to make a container, decided before anything is done.
 *
 * Left of the plan nothing changes the world; right of it nothing decides. It is a pure function
 * of the configuration, the profile, the options and the facts about the host: no system call, no
 * clock, no environment. It can be printed (`orlop plan`) and explained (`--explain`). Paths
 * inside the container are intents: they are resolved by the step that uses them, beneath the root
 * file system's descriptor. All memory is the arena's that the plan was made in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/host_facts.h"
#include "orlop/oci_config.h"

enum plan_cgroup_driver {
	PLAN_CGROUP_CGROUPFS,
	PLAN_CGROUP_SYSTEMD,
	PLAN_CGROUP_DISABLED,
	PLAN_CGROUP_DRIVER_COUNT_
};

struct profile;

/* What the command line adds to the configuration. */
struct plan_options {
	const char *id;
	const char *bundle;		/* absolute */
	enum plan_cgroup_driver cgroup_driver;
	bool no_pivot, no_new_keyring;
	bool detached;			/* create, run --detach: nobody stays to hold a terminal */
	bool console_socket;		/* one was given */
	bool notify_socket;		/* NOTIFY_SOCKET was in our environment */
	const char *notify_dir;		/* then: the host's directory for /run/notify, absolute */
	unsigned preserve_fds;		/* beyond 0-2, LISTEN_FDS included */
	unsigned listen_fds;		/* how many of them LISTEN_FDS announces */
	const struct profile *profile;	/* hardening on top of the configuration, or NULL */
	bool quick;			/* nobody will ask why: leave the reasons out */
};

struct plan_namespace {
	enum oci_ns type;
	uint32_t flag;			/* CLONE_NEW* */
	const char *path;		/* join this one; NULL: make a new one */
};

enum plan_mount_kind {
	PLAN_MOUNT_FS,		/* a new file system of type fstype */
	PLAN_MOUNT_BIND,	/* a clone of the tree at source */
	PLAN_MOUNT_CGROUP,	/* cgroup2, or the container's own subtree when it may not */
	PLAN_MOUNT_REMOUNT,	/* no new mount: attributes and propagation of what is at target */
	PLAN_MOUNT_KIND_COUNT_
};

enum plan_idmap {
	PLAN_IDMAP_NONE,
	PLAN_IDMAP_OWN,		/* uid_maps and gid_maps of the mount */
	PLAN_IDMAP_CONTAINER,	/* those of the container's user namespace */
	PLAN_IDMAP_COUNT_
};

struct plan_mount {
	enum plan_mount_kind kind;
	const char *target;		/* as the configuration says it, beneath the root */
	const char *source;		/* binds: absolute; file systems: any word or NULL */
	const char *fstype;
	uint64_t attr_set, attr_clear;	/* MOUNT_ATTR_*, this mount only */
	uint64_t attr_unsaid;		/* bind: cleared too, but for those that are locked */
	uint64_t rec_set, rec_clear;	/* MOUNT_ATTR_*, this mount and all below */
	uint64_t propagation;		/* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE or 0 */
	bool propagation_recursive;
	bool recursive;			/* bind: with what is mounted below the source */
	bool copy_up;			/* tmpfs: with what the image has at the target */
	bool copy_link;			/* bind: a source that is a symbolic link is made anew */
	bool source_from_parent;	/* bind: the source can only be opened by the runtime */
	const char *source_in_root;	/* bind: the source's path beneath the root; or NULL */
	enum plan_idmap idmap;
	bool idmap_recursive;
	struct id_map_list uid_maps, gid_maps;
	const char *root_label;		/* of its root directory (SELinux), or NULL */
	struct str_list data;		/* "word" or "key=value" for fsconfig, in order */
	size_t index;			/* in config.mounts, for messages; SIZE_MAX: none */
};

struct plan_device {
	enum oci_device_type type;
	const char *path;
	uint32_t major, minor, mode, uid, gid;
	bool is_default;		/* one that the specification says must exist */
};

struct plan_symlink {
	const char *target, *path;
};

struct plan_rlimit {
	int resource;
	uint64_t soft, hard;
};

/* One file of the container's cgroup. */
struct plan_cgroup_write {
	const char *file, *value;
	const char *other_file, *other_value;	/* written where `file` does not exist; or NULL */
	const char *controller;			/* "memory"; NULL for cgroup.* files */
	const char *member;			/* config path, for messages */
	bool skip_if_absent;			/* says nothing new: a missing file is no error */
};

struct plan_device_rule {
	bool allow;
	enum oci_device_type type;	/* OCI_DEVICE_ALL: both */
	int64_t major, minor;		/* -1: any */
	unsigned access;		/* PLAN_ACCESS_* */
};

enum { PLAN_ACCESS_MKNOD = 1, PLAN_ACCESS_READ = 2, PLAN_ACCESS_WRITE = 4, PLAN_ACCESS_ALL = 7 };

/* One property of the container's systemd unit. */
struct plan_unit_property {
	const char *name;
	char type;			/* D-Bus: b, i, u, t, s; 'y' for an array of bytes */
	uint64_t number;		/* 'b', 'i' (never negative), 'u', 't' */
	const char *text;		/* 's' */
	const unsigned char *bytes;	/* 'y' */
	size_t len;
	unsigned since;			/* left out where systemd is older; 0: every one knows it */
};

struct plan_cgroup {
	enum plan_cgroup_driver driver;
	const char *path;		/* below the cgroup2 mount, begins with "/", normalised */
	/* Driver systemd only; the path above is then below the manager's own group. */
	const char *unit;		/* "orlop-web.scope", the last component of the path */
	LIST_OF(struct plan_unit_property) properties;
	struct str_list controllers;	/* that must be enabled for it */
	struct str_list offered;	/* that are enabled for it where the kernel lets us */
	LIST_OF(struct plan_cgroup_write) writes;	/* in order */
	bool filter_devices;
	LIST_OF(struct plan_device_rule) device_rules;	/* in order, the last match decides */
	bool delegate;			/* hand the group to delegate_uid (host id) */
	uint32_t delegate_uid;
};

/* A set of small numbers: bit n % 64 of word n / 64. */
struct plan_mask {
	uint64_t *words;
	size_t count;			/* of words; 0: the set was not given */
};

struct plan_memory_policy {
	bool set;
	int mode;			/* MPOL_* */
	uint32_t flags;			/* MPOL_F_* */
	struct plan_mask nodes;
};

/* A group of resctrl. Paths are below its mount. */
struct plan_rdt {
	const char *group;		/* "/NAME", "/" for the root's; NULL: none */
	bool own;			/* for this container alone: it must not be there yet */
	bool may_make;			/* when it is not there */
	struct str_list schemata;	/* lines, in order; compared where the group is there */
	const char *monitor;		/* "/NAME/mon_groups/ID", to be made; NULL */
};

struct plan_process {
	struct str_list args, env;
	const char *cwd;
	bool terminal;
	uint16_t console_height, console_width;	/* 0: leave */
	bool find_home;			/* env has no HOME: from the image's passwd, else "/" */
	uint32_t uid, gid;
	struct {
		uint32_t *items;
		size_t count;
	} groups;
	bool set_groups;		/* false where the user namespace forbids it: they stay */
	struct opt_u32 umask;
	uint64_t cap_bounding, cap_effective, cap_inheritable, cap_permitted, cap_ambient;
	bool no_new_privs;
	struct opt_i64 oom_score_adj;
	LIST_OF(struct plan_rlimit) rlimits;
	struct oci_scheduler scheduler;
	struct oci_io_priority io_priority;
	bool all_cpus;			/* of its cpuset, not only the runtime's */
	struct plan_mask cpus_before;	/* exec: of the runtime, before it enters the cgroup */
	struct plan_mask cpus;		/* exec: of the process, in the cgroup */
	bool cpuset;			/* the cgroup's CPUs are limited; for messages */
	struct opt_u32 personality;	/* PER_* */
	struct plan_memory_policy memory_policy;
	const char *apparmor_profile, *selinux_label;
	bool new_keyring;
};

/* Why a line of the plan is there; `fact` begins as the line of the dump does. */
struct plan_reason {
	const char *fact, *because;
};

struct plan {
	const char *id, *bundle, *oci_version;
	const char *rootfs;		/* absolute */
	bool rootfs_readonly;
	uint64_t rootfs_propagation;	/* MS_* | MS_REC for the container's root */
	bool no_pivot;

	LIST_OF(struct plan_namespace) namespaces;	/* in the order in which they are entered */
	/* To be written for a new user namespace; beside one that is joined they only inform. */
	struct id_map_list uid_maps, gid_maps;
	const char *uid_map_by, *gid_map_by;	/* programs that write them; NULL: we do */
	bool deny_setgroups;
	struct oci_time_offset monotonic, boottime;
	const char *hostname, *domainname;

	const char *mount_label;	/* SELinux, of what covers paths, or NULL */
	LIST_OF(struct plan_mount) mounts;
	LIST_OF(struct plan_device) devices;
	bool bind_devices;		/* mknod is not possible there: clone the host's nodes */
	LIST_OF(struct plan_symlink) symlinks;
	bool make_ptmx;			/* /dev/ptmx -> pts/ptmx */
	struct str_list masked, readonly;
	LIST_OF(struct oci_net_device) net_devices;	/* of the runtime's, to be moved */
	struct pair_list sysctls;	/* key is the path below /proc/sys, '/' separated */

	struct plan_cgroup cgroup;
	struct plan_rdt rdt;
	bool has_process;
	struct plan_process process;
	const struct oci_seccomp *seccomp;	/* NULL: no filter */
	struct oci_hooks hooks;
	struct pair_list annotations;
	unsigned preserve_fds, listen_fds;
	bool notify_socket;

	struct str_list warnings;	/* what the user should hear; nothing is silent */
	LIST_OF(struct plan_reason) reasons;
};

/*
 * Decides. `config` must outlive the plan. An error names the member path and, with `name`, the
 * document ("config.json:12: linux.sysctl: ...").
 */
int plan_make(const struct oci_config *config, const char *name,
	      const struct plan_options *options, const struct host_facts *facts,
	      struct arena *a, struct plan *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Decides about one more process for a container (exec): the process part only. `linux` is what
 * the container's configuration says for all its processes (personality, memory policy), or NULL.
 */
int plan_process(const struct oci_process *process, const char *name,
		 const struct plan_options *options, const struct host_facts *facts,
		 const struct oci_linux *linux, bool in_user_ns, struct arena *a,
		 struct plan_process *ret, struct str_list *warnings, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Whether a container's processes stay in the caller's groups: an annotation asks for it, and the
 * caller is not root of the host, whose groups are not the business of who writes annotations.
 */
bool plan_keeps_groups(const struct oci_config *config, const struct host_facts *facts);

/*
 * Decides about a resources object alone (update): `path` is the existing cgroup. The writes,
 * controllers and device rules of *ret are filled in.
 */
int plan_resources(const struct oci_resources *resources, const char *name,
		   const struct host_facts *facts, struct arena *a, struct plan_cgroup *ret,
		   struct str_list *warnings, struct err *e) __attribute__((warn_unused_result));

/*
 * What a unit's systemd has to be told of the writes of a group that exists: the properties of
 * *cgroup, from its writes, of which a quota may be rounded to what systemd can be told.
 */
int plan_unit_update(const char *name, struct arena *a, struct plan_cgroup *cgroup, struct err *e)
	__attribute__((warn_unused_result));

/* The group of a container in resctrl, for whoever joins it. */
void plan_rdt_of(const struct oci_intel_rdt *rdt, const char *id, struct arena *a,
		 struct plan_rdt *ret);

enum plan_external_kind {
	PLAN_EXTERNAL_MOUNT,	/* a clone of what is outside */
	PLAN_EXTERNAL_DEVICE,	/* a clone of the host's node */
	PLAN_EXTERNAL_MASK,	/* if a file is there, the host's null device */
};

/* A mount that shows something of the outside. */
struct plan_external {
	enum plan_external_kind kind;
	const char *path;		/* in the container, as the configuration says it */
	const struct plan_mount *mount;	/* or NULL */
};

struct plan_external_list {
	struct plan_external *items;
	size_t count;
};

/* What of a container a checkpoint does not contain, in the order in which it was mounted. */
void plan_externals(const struct plan *plan, struct arena *a, struct plan_external_list *ret);

/* The plan as text, a fact on each line in stable order; with `explain`, each with its cause. */
const char *plan_text(const struct plan *plan, bool explain, struct arena *a);

/* The plan as a JSON document. */
const char *plan_json(const struct plan *plan, bool explain, struct arena *a);
