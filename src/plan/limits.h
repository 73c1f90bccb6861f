/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Between limits.c and limits_io.c: what they work on and how they add a write.
 */
#pragma once

#include "plan/planner.h"

struct limits {
	struct planner *p;
	const struct oci_resources *r;
	const char *at;			/* member path of the object, "linux.resources" */
	bool update;			/* of a group that may have limits already */
	struct plan_cgroup *cgroup;
};

/* A member path below the object's. */
char *limits_at(const struct limits *l, const char *member);

/* The text of a number. */
char *limits_number(const struct limits *l, long long value);

/* A limit: refused, by the controller's name, where the controller is not there. */
int limits_put(struct limits *l, const char *controller, unsigned line, const char *member,
	       const char *file, const char *value) __attribute__((warn_unused_result));

/* "No limit": written where it can be, so that an update takes an old limit away. */
int limits_put_unlimited(struct limits *l, const char *controller, unsigned line,
			 const char *member, const char *file, const char *value)
	__attribute__((warn_unused_result));

/* A file that any word may name, with the controller it belongs to, or NULL for the core. */
int limits_put_named(struct limits *l, const char *controller, unsigned line, const char *member,
		     const char *file, const char *value) __attribute__((warn_unused_result));

/* Reports that a setting exists in cgroup v1 only; -1. */
int limits_refuse_v1(struct limits *l, unsigned line, const char *member)
	__attribute__((cold));

/* limits_io.c */
int limits_io(struct limits *l) __attribute__((warn_unused_result));
int limits_hugepages(struct limits *l) __attribute__((warn_unused_result));
int limits_rdma(struct limits *l) __attribute__((warn_unused_result));
int limits_unified(struct limits *l) __attribute__((warn_unused_result));
