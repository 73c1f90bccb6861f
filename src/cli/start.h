/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the main function does before it looks at anything: the caller may have arranged
 * descriptors and environment to its liking. PARENT SIDE.
 */
#pragma once

#include "orlop/err.h"

/*
 * Afterwards descriptors 0 to 2 are open (/dev/null where the caller had none, so that no file of
 * ours gets their numbers), every other inherited one is close-on-exec, and the environment holds
 * only what a runtime is told through it. Refuses to run with privileges that the caller does not
 * have (set-user-ID and the like): nothing here was written for that.
 */
int start_clean(struct err *e) __attribute__((warn_unused_result));

/* How many descriptors from 3 on LISTEN_FDS announces to this very process; 0 without it. */
unsigned start_listen_fds(void);

/*
 * Refuses when one of the descriptors that are to be handed on, those of LISTEN_FDS and then those
 * of --preserve-fds, is not open. Called before the first file of ours is opened, because that one
 * would take a missing one's place.
 */
int start_check_preserved(unsigned listen_fds, unsigned preserve_fds, struct err *e)
	__attribute__((warn_unused_result));
