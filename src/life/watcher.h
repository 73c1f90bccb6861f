/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A container's watcher, when its policy wants one: the configuration is changed so
 * that the filter asks it, and it is started before there is a process that could be watched.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/oci_config.h"
#include "orlop/policy.h"

/* Changes the filter as the policy says; nothing without calls that are alarms. */
int watcher_filter(const struct policy *policy, const char *root, const char *id,
		   struct oci_config *config, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));

/* Starts it for the container whose directory this is; it watches when this returns. */
int watcher_start(const char *root, const char *id, int dir, struct err *e)
	__attribute__((warn_unused_result));
