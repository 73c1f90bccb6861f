/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of a container's beginning, the same for `start` and `run`: the program is
 * executed, then the poststart hooks run.
 */
#pragma once

#include "engine/spawn.h"
#include "orlop/err.h"
#include "orlop/life.h"
#include "orlop/state.h"

struct start {
	const struct life *life;
	const struct state_record *record;
	const struct oci_hooks *hooks;
	const struct oci_seccomp *seccomp;	/* of the plan or the configuration; may be NULL */
	int control, pidfd;
};

/* 0; START_HOOK_FAILED when the container has to be destroyed (specification 1.3); -1. */
enum { START_HOOK_FAILED = 1 };
int start_program(const struct start *s, struct err *e) __attribute__((warn_unused_result));
