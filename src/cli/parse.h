/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From argv to values, by the table and by the rules that runc's callers rely on: one dash or two
 * before a long name, "--name=value" and "--name value", options after operands except where the
 * rest belongs to a program, "--" ends options, lists repeat. Letters are not joined ("-dt").
 * Numbers are decimal digits and nothing else. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/table.h"
#include "orlop/arena.h"
#include "orlop/err.h"

enum cli_mistake {
	CLI_MISTAKE_NONE,
	CLI_MISTAKE_COUNT,	/* too few or too many operands */
	CLI_MISTAKE_OPTION,	/* an option that is not there, or used wrongly */
	CLI_MISTAKE_VALUE,	/* a word that is none of those allowed */
	CLI_MISTAKE_COMMAND,	/* no such command */
};

struct cli_call {
	const char *program;			/* what messages call us: "orlop" or "runc" */
	const struct cli_command *command;	/* NULL: none was given */
	struct cli_values values;
	struct str_list operands;		/* argv's strings */
	enum cli_mistake mistake;		/* when cli_parse returned -1 */
};

/*
 * Reads the command line. On error *e has runc's text, with a hint where one is near, and *ret is
 * filled in as far as the reading got. The count of operands is not checked when help is wanted.
 */
int cli_parse(int argc, char **argv, struct arena *a, struct cli_call *ret, struct err *e)
	__attribute__((warn_unused_result));

/* The exit status of a mistake, as runc has it. */
int cli_mistake_status(enum cli_mistake mistake);

/* Decimal digits without sign, space or leading zero, at most `max`. False otherwise. */
bool cli_number(const char *text, uint32_t max, uint32_t *ret);

/* "UID" or "UID:GID"; each a number that can be an id. *ret_has_gid tells which. */
int cli_user(const char *text, uint32_t *ret_uid, uint32_t *ret_gid, bool *ret_has_gid,
	     struct err *e) __attribute__((warn_unused_result));

/* One group id. */
int cli_group(const char *text, uint32_t *ret, struct err *e) __attribute__((warn_unused_result));
