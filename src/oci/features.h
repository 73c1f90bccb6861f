/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The features document of the specification: what this program understands, whatever the host.
 * Read off the tables that the configuration is read by. PURE.
 */
#pragma once

#include "orlop/arena.h"

/* The document, indented, with a newline at its end. */
const char *features_print(const char *spec_version, const char *seccomp_version,
			   struct arena *a);
