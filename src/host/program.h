/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of the system, where distributions put them. PATH is not asked: it is the caller's, and
 * what is found here is run with rights that the caller does not have.
 */
#pragma once

#include "orlop/arena.h"

/* The path of a program that may be executed, in the arena; NULL when there is none. */
const char *program_find(const char *name, struct arena *a);
