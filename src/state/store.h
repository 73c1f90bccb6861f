/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of this folder.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

/* Whether nobody but us, or root, can have written it. */
bool store_is_ours(const struct stat *st);

/* A path as we write it: "" or "/a/b"; not "/" alone, no empty name, no "." or "..". */
bool store_is_path(const char *path);

/* Whether the unit is the last name of the path, as that of a systemd scope is. */
bool store_is_unit(const char *unit, const char *path);
