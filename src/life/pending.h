/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An update of a container in quarantine: kept beside it ("pending.json"), so that the clamp stays,
 * and made when it is released.
 */
#pragma once

#include "life/container.h"
#include "orlop/oci_config.h"

/* Adds a change to those that wait. 0 or -1. */
int pending_add(const struct container *c, const struct oci_resources *change, struct arena *a,
		struct err *e) __attribute__((warn_unused_result));

/* Whether something waits. */
bool pending_there(const struct container *c);

/* What waits. 0 or -1. */
int pending_read(const struct container *c, struct arena *a, struct oci_resources *ret,
		 struct err *e) __attribute__((warn_unused_result));

/* Nothing waits any more. 0 or -1. */
int pending_remove(const struct container *c, struct err *e) __attribute__((warn_unused_result));
