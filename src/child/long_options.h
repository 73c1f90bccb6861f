/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. File systems with options that are too long for fsconfig(2).
 */
#pragma once

#include <stdbool.h>

#include "child/child.h"

/* Whether an option's value, or the source, has more than the 255 bytes that fsconfig takes. */
bool has_long_options(const struct child *c, const struct child_mount *m);

/*
 * Makes it by mount(2), which takes 4095 bytes of options together, where nobody sees it, and gives
 * a clone that is attached nowhere, with these attributes; `more` is one more option, or NULL. A
 * descriptor or a negative errno, -E2BIG when they are longer still. The kernel has no words for
 * what is wrong then.
 */
int make_by_string(struct child *c, const struct child_mount *m, const char *fstype,
		   const char *more, uint64_t attributes);
