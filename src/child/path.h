/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Paths inside the container's root. Each is resolved once, by openat2 beneath the
 * root's descriptor (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), so that no link of the image leads
 * out of it; what is missing is made through descriptors of directories that were resolved so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "child/child.h"

enum { PATH_ROOM = 4096 };

/* Opens what is there, as O_PATH | flags. A descriptor or a negative errno. */
int path_open(int root, const char *path, uint64_t flags);

/*
 * Opens the path as O_PATH, making it and its missing parents: a directory (0755), or an empty
 * file (0644) when `file` is set. Dangling links are followed inside the root. A descriptor or a
 * negative errno.
 */
int path_make(int root, const char *path, bool file);

/*
 * Makes a missing last component in a directory that is there, without a link anywhere on the way,
 * and opens it: the usual case in three calls. -ENOENT or -ELOOP when it is not that case.
 */
int path_make_last(int root, const char *path, bool file);

/*
 * Makes the link that `from` has by that name (that it is, by the name "") anew as `as` in `dir`;
 * it may be there already. -EEXIST when something else is.
 */
int path_copy_link(int from, const char *name, int dir, const char *as);

/*
 * Opens the directory that holds the path's last component, making missing ones; the component is
 * in `*name`, in `room` (PATH_ROOM bytes). -EISDIR when there is none ("/", "..").
 */
int path_make_parent(int root, const char *path, char *room, const char **name);
