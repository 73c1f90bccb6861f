/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of --help, read off the table. PURE.
 */
#pragma once

#include "base/text.h"
#include "cli/table.h"

/* "usage: orlop create [OPTION]... ID" and a newline. */
void help_usage(struct text *t, const char *program, const struct cli_command *command);

/* Everything about one command; without one, about the program. */
void help_print(struct text *t, const char *program, const struct cli_command *command);
