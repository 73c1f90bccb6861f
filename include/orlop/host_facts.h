/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine can do, as far as the planner has to know. A plain struct, so that a test
 * writes one by hand and a bug report becomes a test by copying two files: `orlop facts` prints
 * it in the text form that host_facts_read takes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"

enum host_cgroup_mode {
	HOST_CGROUP_NONE,	/* no cgroup2 mount was found */
	HOST_CGROUP_PURE,	/* cgroup2 on /sys/fs/cgroup */
	HOST_CGROUP_HYBRID,	/* cgroup2 on /sys/fs/cgroup/unified beside v1 hierarchies */
	HOST_CGROUP_MODE_COUNT_
};

struct host_facts {
	unsigned kernel_major, kernel_minor;
	uint32_t euid, egid;
	bool in_user_ns;		/* this process is not in the first user namespace */
	/* Of a user, or of root in a user namespace; of the host's root not asked. */
	bool setgroups_denied;		/* our user namespace does not let groups be set */
	bool net_ns_foreign;		/* our network namespace is another user namespace's */
	bool systemd_user;		/* the systemd to ask is the user's own */
	const char *newuidmap, *newgidmap;	/* paths of the programs; NULL: not there */
	/* At or above our own cgroup, the group below which we may make others; NULL: none. */
	const char *cgroup_delegated;
	enum host_cgroup_mode cgroup_mode;
	const char *cgroup_mount;	/* "/sys/fs/cgroup", "/sys/fs/cgroup/unified" or NULL */
	const char *cgroup_self;	/* own cgroup below it, "/" at the top; NULL: not asked */
	const char *controllers;	/* the root's cgroup.controllers: "cpuset cpu io memory" */
	const char *hugepage_sizes;	/* as cgroup files spell them: "2MB 1GB"; NULL: not asked */
	unsigned cap_last;		/* highest capability the kernel knows */
	uint64_t ignored_signals;	/* that our caller left ignored; bit n-1 is signal n */
	uint64_t cap_bounding;		/* what this process may pass on */
	bool apparmor, selinux;		/* the module is active */
	bool time_ns;			/* /proc/self/ns/time exists */
	uint32_t seccomp_flags;		/* SECCOMP_FILTER_FLAG_* that the kernel takes */
};

/* What a configuration makes it worth asking for; the rest is left at "no". */
struct host_wants {
	bool controllers;	/* it limits something; a pure host is asked anyway */
	bool labels;		/* it has a profile or a label of a security module */
	bool time_ns, seccomp;
	bool cgroup_self;	/* it stays in our cgroup; of a user it is asked anyway */
};

/* 1 in the user namespace that the kernel began with, 0 in another, -1 and errno without /proc. */
int host_in_first_user_ns(void) __attribute__((warn_unused_result));

/*
 * Asks this machine for what a plan needs, in about ten system calls and one or two for each
 * want. Facts that cannot be had are left at "no"; cgroup_self and hugepage_sizes at NULL.
 */
int host_facts_get(const struct host_wants *wants, struct arena *a, struct host_facts *ret,
		   struct err *e) __attribute__((warn_unused_result));

/* As host_facts_get, with everything: for people, and for bug reports. */
int host_facts_get_all(struct arena *a, struct host_facts *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Whether the systemd that makes units for this process is its user's own: for everybody but root,
 * and for root in a user namespace where the host's root is somebody else.
 */
bool host_systemd_is_users(void);

/* Reads the text form: one `word value` per line, unknown words refused. */
int host_facts_read(const char *text, struct arena *a, struct host_facts *ret, struct err *e)
	__attribute__((warn_unused_result));

/* The text form of facts, in the arena. */
const char *host_facts_print(const struct host_facts *facts, struct arena *a);
