/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about a process that is not the host's root. Used by facts.c alone.
 */
#pragma once

#include "orlop/host_facts.h"

/* Adds them to facts that know the cgroup2 mount already; `cgroup_self` may be NULL. */
void facts_user_get(const char *cgroup_self, struct arena *a, struct host_facts *f);
