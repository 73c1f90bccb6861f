/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config.json that `spec` writes: runc's layout, safe as it stands. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "orlop/profile.h"

struct spec_options {
	bool rootless;			/* a user namespace with one id, and what works in it */
	uint32_t uid, gid;		/* rootless: the ids outside */
	const char *seccomp;		/* the filter as a JSON object; NULL: none */
	size_t seccomp_len;
	const struct profile *profile;	/* what else it restricts, or NULL */
};

/* The document, indented with tabs. */
void spec_print(struct text *t, const struct spec_options *o);

/*
 * Finds the object that is the "seccomp" member of a profile's top object, so that it is copied
 * with its layout and comments: its first byte, and *ret_len. NULL when there is none or the
 * brackets do not match. Whether it means anything is profile_read's business.
 */
const char *spec_profile_seccomp(const char *profile, size_t *ret_len);
