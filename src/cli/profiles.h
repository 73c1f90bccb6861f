/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hardening profiles that come with the program: those of profiles/ at build time are part of
 * it, and more may be put into the data directory.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"

struct profile_text {
	const char *name, *text;
};

/* Those of the program itself, in alphabetical order; ends with a name of NULL. Generated. */
extern const struct profile_text profiles_builtin[];

/*
 * The text of a profile: the program's own, else NAME.json of the data directory. NULL and *e,
 * naming those there are, when it is neither. A name is a word of a-z, 0-9 and '-'.
 */
const char *profiles_find(const char *name, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));
