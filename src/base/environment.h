/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of the caller. The process itself keeps a few names of it; the rest is there for
 * hooks, which are the caller's programs and may be told things that way.
 */
#pragma once

/*
 * Leaves in the environment what a runtime is told through it; environment_inherited() is all that
 * it was, and never NULL.
 */
void environment_clean(void);
char *const *environment_inherited(void);

/* From now on nothing was inherited. */
void environment_forget(void);
