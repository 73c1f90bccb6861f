/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle read from disk and decided about: what create, run and plan have in common.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/host_facts.h"
#include "orlop/life.h"
#include "orlop/oci_config.h"
#include "orlop/plan.h"
#include "orlop/policy.h"

struct bundle {
	const char *path;		/* absolute */
	const char *text;		/* of config.json, as it was read */
	size_t len;
	struct oci_config config;
	struct policy policy;		/* of remediation */
	bool has_policy;
	struct host_facts facts;
	struct plan plan;
};

/*
 * Reads config.json, asks the host, and makes the plan. Warnings of the plan go to l->warn. With
 * `explain` each line of the plan keeps its cause. All memory is the arena's,
 * but for *ret, into which the plan points.
 */
int bundle_plan(const struct life *l, const struct life_create *c, bool explain,
		struct arena *a, struct bundle *ret, struct err *e)
	__attribute__((warn_unused_result));

/* Which facts about the host a plan for this configuration depends on. */
struct host_wants bundle_wants(const struct oci_config *config);

/* An absolute form of a path: relative ones begin at the current directory. */
const char *bundle_absolute(const char *path, struct arena *a, struct err *e);

/* Refuses a root file system that is missing, no directory, or a symbolic link. */
int bundle_check_rootfs(const struct plan *plan, struct err *e)
	__attribute__((warn_unused_result));
