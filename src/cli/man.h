/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manual pages: the prose is written by hand in man/NAME.8.in, the parts that the table knows are
 * filled in here. PURE.
 */
#pragma once

#include "base/text.h"
#include "cli/table.h"
#include "orlop/err.h"

/*
 * Copies an mdoc page, replacing the lines
 *   @SYNOPSIS COMMAND@	the synopsis of a command; without one, of the program
 *   @OPTIONS COMMAND@	the list of its options
 *   @COMMANDS@		the list of commands
 * and, anywhere, @VERSION@. A line in @...@ that is none of these is an error, and so is a command
 * that the table does not have.
 */
int man_fill(struct text *t, const char *name, const char *page, const char *version,
	     struct err *e) __attribute__((warn_unused_result));
