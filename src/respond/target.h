/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Which of our containers an alarm is about. Only directories are looked at: no
 * container is asked anything.
 */
#pragma once

#include "respond/event.h"
#include "respond/rules.h"

struct target {
	const char *root, *id;
};

struct targets {
	struct target *items;
	size_t count;
	const char *why;		/* when there is none */
};

enum { TARGETS_MAX = 64 };		/* the containers of a pod */

/* Finds them below the roots, with `scope` pod all of the pod. Memory is the arena's. */
void target_find(const struct str_list *roots, const struct event *event, enum rule_scope scope,
		 struct arena *a, struct targets *ret);
