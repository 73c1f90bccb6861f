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

command_fn cmd_audit;
command_fn cmd_checkpoint;
command_fn cmd_completion;
command_fn cmd_create;
command_fn cmd_delete;
command_fn cmd_doctor;
command_fn cmd_drift;
command_fn cmd_events;
command_fn cmd_evidence;
command_fn cmd_exec;
command_fn cmd_facts;
command_fn cmd_features;
command_fn cmd_help;
command_fn cmd_kill;
command_fn cmd_list;
command_fn cmd_pause;
command_fn cmd_plan;
command_fn cmd_profile;
command_fn cmd_ps;
command_fn cmd_quarantine;
command_fn cmd_release;
command_fn cmd_respond;
command_fn cmd_restore;
command_fn cmd_resume;
command_fn cmd_run;
command_fn cmd_spec;
command_fn cmd_start;
command_fn cmd_state;
command_fn cmd_update;
command_fn cmd_watch;

/* The options that create, run and plan share, for the operation. */
struct life_create cmd_create_options(const struct command *c);
