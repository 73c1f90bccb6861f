/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Between the two dumps: the plan's values in words.
 */
#pragma once

#include "base/names.h"
#include "base/text.h"
#include "plan/planner.h"

/* MOUNT_ATTR_* of a mask as the words of mount options: "ro,nosuid"; "" for none. */
const char *dump_attrs(struct arena *a, uint64_t set);

/* MS_SHARED and so on, with MS_REC as "r" in front: "rslave". */
const char *dump_propagation(struct arena *a, uint64_t flags, bool recursive);

/* A capability's name, also of one that the table lacks. */
const char *dump_cap(struct arena *a, unsigned n);

/* "c", "b", "p", "a". */
const char *dump_device_type(enum oci_device_type type);

/* "1:3", "136:*". */
const char *dump_numbers(struct arena *a, int64_t major, int64_t minor);

/* "rwm" */
const char *dump_access(struct arena *a, unsigned access);

/* The value of a unit's property: "yes", a number or "infinity", a word, a mask of bytes in hex. */
const char *dump_unit_value(struct arena *a, const struct plan_unit_property *u);

/* A size of a resource limit, or "unlimited". */
const char *dump_limit(struct arena *a, uint64_t value);

/* The words of a table whose bits are set, each with a blank in front. */
const char *dump_flags(struct arena *a, const struct name *table, uint64_t flags);

extern const char *const dump_mount_kinds[PLAN_MOUNT_KIND_COUNT_];
extern const char *const dump_drivers[PLAN_CGROUP_DRIVER_COUNT_];
