/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a container's directory, between the files of this folder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "orlop/arena.h"

/*
 * Reads a whole file of the directory, terminated, into the arena. It has to be a regular file
 * that belongs to us and that nobody else may write to (EPERM), at most `max` bytes (EFBIG).
 * Never waits, whatever is there. NULL and errno.
 */
char *store_read(int dir, const char *name, size_t max, struct arena *a, size_t *ret_len);

/* A path as we write it: "" or "/a/b", with no ".." to climb out by. */
bool store_is_path(const char *path);
