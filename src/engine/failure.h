/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The words for what the child could not do: it sends numbers, the plan knows the
 * things they count.
 */
#pragma once

#include "orlop/child_plan.h"
#include "orlop/err.h"
#include "orlop/plan.h"

/* Reports a CHILD_FAILED message; the texts that engines match are runc's. Returns -1. */
int failure_report(const struct child_message *m, const struct plan *plan,
		   const struct plan_process *process, struct err *e);

/* Puts what all messages about a mount begin with before one; runc's words. Returns -1. */
int failure_in_mount(const struct plan_mount *mount, struct err *e);

/* The name of a step, for messages and the timeline. */
const char *failure_step_name(uint32_t step);
