/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which program this is, and what it is made of. PURE.
 */
#pragma once

#include "base/text.h"

/* What --version prints; the first line begins with the name that we were called by. */
void version_print(struct text *t, const char *program);
