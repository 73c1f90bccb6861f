/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that --pid-file names.
 */
#pragma once

#include <sys/types.h>

#include "orlop/err.h"

/*
 * Writes the pid in decimal, without a newline, to a temporary file beside the path and renames it
 * there: whoever watches sees all of it or nothing.
 */
int pid_file_write(const char *path, pid_t pid, struct err *e) __attribute__((warn_unused_result));
