/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hardening profile says: restrictions that are added to a configuration. A profile only
 * ever tightens: there is no member with which it could grant anything.
 *
 * The document is JSON, read as strictly as config.json, but with unknown members refused, because
 * a restriction that is not understood must not be lost:
 *	description		one line on what it is for; required
 *	seccomp			as linux.seccomp of a configuration
 *	no_new_privileges	true: set it
 *	drop_capabilities	["CAP_SYS_ADMIN", ...]: taken out of all five sets
 *	masked_paths, readonly_paths	added to those of the configuration
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/oci_config.h"

struct profile {
	const char *name;		/* the file's, without directory and ".json" */
	char *description;
	struct oci_seccomp seccomp;
	bool no_new_privileges;
	uint64_t drop_capabilities;	/* bit n is capability n */
	struct str_list masked_paths, readonly_paths;
};

/* Reads a profile; `name` is what messages and reasons call it. */
int profile_read(const char *name, const char *text, size_t len, struct arena *a,
		 struct profile *ret, struct err *e) __attribute__((warn_unused_result));

/* Reads the profile in the file at `path`. */
int profile_load(const char *path, struct arena *a, const struct profile **ret, struct err *e)
	__attribute__((warn_unused_result));
