/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who keeps a container still, when several do for a while: evidence is taken by as many as like
 * to, and somebody may pause the container meanwhile. The last of them lets it go, unless it is to
 * stay. Kept in the file "still" of its directory, which is locked by everybody who is at it, so
 * that one who is killed is counted no more.
 */
#pragma once

#include <stdbool.h>

/*
 * Joins those who keep it still, before it is frozen. Returns a descriptor to hold meanwhile, or
 * -1 when that cannot be noted (a full disk). *ret_before: it was frozen before the first of them
 * came, or somebody wants it to be since.
 */
int still_begin(int dir, int group, bool *ret_before);

/* Leaves them. Whether the container is to go on now: we were the last, and nobody holds it. */
bool still_end(int dir, int fd, bool before);

/* Whether somebody keeps it still; *ret_stays then tells whether it is to stay so. */
bool still_kept(int dir, bool *ret_stays);

/*
 * Says that it is to be frozen, or to go on, when those who keep it still are done. False when
 * nobody does, or nothing else was wanted.
 */
bool still_want(int dir, bool frozen);
