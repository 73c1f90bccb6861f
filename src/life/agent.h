/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp agent: whoever listens at linux.seccomp.listenerPath gets the filter's listener,
 * with one "container process state" document (specification, config-linux, "Seccomp").
 */
#pragma once

#include <sys/types.h>

#include "orlop/err.h"
#include "orlop/oci_config.h"
#include "orlop/state.h"

struct agent {
	const struct oci_seccomp *seccomp;
	const struct state_record *record;
	enum state_status status;
	pid_t pid;		/* of the process that the filter is on */
};

/* Connects, sends the descriptor, and parts. `argument` is a struct agent. */
int agent_send(void *argument, int fd, struct err *e);
