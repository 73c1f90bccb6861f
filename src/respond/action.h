/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What is done to one container. Called in a process of its own: any of it may hang.
 */
#pragma once

#include "orlop/life.h"
#include "respond/rules.h"
#include "respond/target.h"

/* How long all of a rule's actions may take before they are given up. */
int action_limit_ms(const struct rule *rule);

/* Notes the alarm with the container and in the audit log, and starts its hooks. 0 or -1. */
int action_note(const struct rule *rule, const struct event *event, const struct target *target,
		struct err *e) __attribute__((warn_unused_result));

/*
 * Does all of it in the rule's order, also when one could not be done. The result is a JSON array
 * with an object for each, of at most ACTION_TEXT_MAX bytes.
 */
enum { ACTION_TEXT_MAX = 3000 };
const char *action_run(const struct life *life, const struct rule *rule, const struct event *event,
		       const struct target *target, struct arena *a);
