/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people type out of habit with docker, podman, crun or kill(1), and what it is called here.
 * Such words are refused as any other; this is the hint that follows. PURE.
 */
#pragma once

#include <stddef.h>

#include "cli/table.h"

/* What to say about a command that does not exist here, or NULL. The text is constant. */
const char *habit_command(const char *word);

/* What to say about an option (len bytes, no dashes) that `command` does not have, or NULL. */
const char *habit_option(const struct cli_command *command, const char *name, size_t len);
