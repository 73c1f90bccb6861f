/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The features document of the specification, printed from the tables that do the work, so that
 * it cannot promise a word that nobody reads. PURE: it is about this program, not about the host.
 */
#pragma once

#include "orlop/arena.h"

/* The document, indented by four spaces, without a newline at its end. */
const char *features_text(struct arena *a);
