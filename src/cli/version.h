/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which program this is, and what it is made of. PURE.
 */
#pragma once

#include "base/text.h"

/* What --version prints; the first line begins with the name that we were called by. */
void version_print(struct text *t, const char *program);

/* "1.3.0": the specification's version. */
const char *version_spec(void);

/* "2.5.4": libseccomp's version, in the arena. */
const char *version_seccomp(struct arena *a);
