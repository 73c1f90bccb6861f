/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command's action gets and has to return. An action turns words into the arguments of an
 * operation, calls it, and prints; it decides nothing about containers.
 */
#pragma once

#include "cli/parse.h"
#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/life.h"

struct command {
	const struct cli_call *call;
	struct life life;
	struct arena *arena;
	unsigned listen_fds;	/* handed down by LISTEN_FDS */
};

/* Each returns the program's exit status, or -1 and *e. */
typedef int command_fn(const struct command *c, struct err *e);

command_fn cmd_create, cmd_start, cmd_run, cmd_state, cmd_kill, cmd_delete, cmd_list, cmd_ps,
	cmd_exec, cmd_pause, cmd_resume, cmd_update, cmd_events, cmd_spec, cmd_features, cmd_plan,
	cmd_doctor, cmd_help, cmd_facts, cmd_completion,
	cmd_audit, cmd_evidence, cmd_drift, cmd_quarantine, cmd_release, cmd_respond,
	cmd_watch;

/* The options that create, run and plan share, for the operation. */
struct life_create cmd_create_options(const struct command *c);
