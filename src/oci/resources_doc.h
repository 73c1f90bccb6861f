/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources as the document that oci_resources_read takes, and one resources object changed by
 * another. PURE.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/oci_config.h"

/* The document on one line. What reads it back gets the same values. */
const char *oci_resources_text(const struct oci_resources *r, struct arena *a);

/*
 * What holds after `change` was written to a group that `r` describes: a value that was said
 * replaces the old one, a list's elements replace those of the same device, size or name and are
 * added otherwise, a rate of 0 takes an element away. Devices are left as they are. 0 for a limit,
 * a weight, quota, period or shares counts as not said, as it is never written.
 *
 * Swap in this document is memory and swap together, in the kernel swap alone: a new memory limit
 * without a word about swap moves the sum.
 */
void oci_resources_merge(struct oci_resources *r, const struct oci_resources *change,
			 struct arena *a);
