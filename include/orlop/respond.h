/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others have noticed, and what is done about it: alarms of Falco or Tetragon come in as
 * lines of JSON, a file of rules says which of them matter, and the containers that they are
 * about are held. Runs until its input ends or a signal asks it to.
 */
#pragma once

#include <stdbool.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/life.h"
#include "orlop/value.h"

struct respond_options {
	const struct life *life;
	struct str_list roots;		/* directories of containers, absolute, the first wins */
	const char *rules;		/* the file */
	bool dry_run;			/* says what it would do */
	bool quiet;			/* tells only of what a rule matched */
	int input;			/* the events */
	/* Called with each result: a JSON object on one line, without its newline. */
	int (*tell)(void *argument, const char *line, struct err *e);
	void *argument;
};

/* 0 at the end of the input or after SIGTERM and SIGINT, with everything done that had begun. */
int respond_run(const struct respond_options *options, struct err *e)
	__attribute__((warn_unused_result));
