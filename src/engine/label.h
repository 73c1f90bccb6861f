/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. SELinux labels and AppArmor profiles: whether the loaded policy knows them, and
 * whether the child has what it was to order. The child writes them; AppArmor's orders only their
 * owner can read.
 */
#pragma once

#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"

/*
 * Asks the loaded policy about a label and puts the one spelling in its place in which the kernel
 * will show it; the same string where that is the same. NULL is no label and nothing is asked.
 * `member` is for the error.
 */
int label_check(const char **label, const char *member, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Whether AppArmor has a profile loaded, by its list. Names that the list spells in another way
 * (stacks, and those in a namespace of policy) and hosts without the list are not judged.
 */
int label_check_profile(const char *profile, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));

/* Compares the label that the process has ordered for its exec. */
int label_read_back(int procfs, pid_t pid, const char *label, struct err *e)
	__attribute__((warn_unused_result));
