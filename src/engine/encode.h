/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The plan as the flat block that the child reads.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/seccomp.h"
#include "orlop/arena.h"
#include "orlop/child_plan.h"
#include "orlop/plan.h"

/* What is known only when the process is about to be made. */
struct encode_facts {
	bool exec;
	int fd_base;			/* control, then the rest from here on */
	bool has_listener;		/* it is the second descriptor */
	uint32_t container_ns;		/* exec: CLONE_NEW* to enter */
	struct str_list revealing;	/* where the host has all of a proc or sysfs */
	const char *own_cgroup;		/* host path of the container's cgroup, or NULL */
	const char *state, *start_state;	/* documents for hooks, with SPAWN_STATE_PID */
	const struct seccomp_filter *filter;	/* NULL: none */
	uint64_t ignored_signals;
	unsigned cap_last;
	uint64_t cap_bounding_now;	/* what may be in the set that the child begins with */
	bool trace;
	bool network_apart;		/* see encode_network_apart */
};

/* The number that stands for the pid in the state documents given to encode_plan. */
enum { ENCODE_PID = 2147483647 };

/*
 * Encodes. For a container, `process` is the plan's own; for exec, `plan` gives nothing but the
 * container's shape. The bytes are the arena's.
 */
void encode_plan(const struct plan *plan, const struct plan_process *process,
		 const struct encode_facts *facts, struct arena *a, const void **ret,
		 size_t *ret_len);

/*
 * Which namespaces clone3 makes at once; the rest is made by the child, or, `network_apart`, given
 * to it.
 */
uint32_t encode_clone_flags(const struct plan *plan, bool network_apart);

/*
 * Whether the container gets a new network namespace that belongs to our own user namespace, and
 * one process is enough to enter all of them: then it can be made before there is a process.
 */
bool encode_network_apart(const struct plan *plan);
