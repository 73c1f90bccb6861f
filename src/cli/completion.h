/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts for shells, read off the table. They ask `orlop list --quiet` for the names
 * of containers. PURE.
 */
#pragma once

#include <stdbool.h>

#include "base/text.h"

/* Writes the script for a shell; false when it is none of cli_shells. */
bool completion_print(struct text *t, const char *shell);
