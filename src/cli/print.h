/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents and tables that commands print, in runc's form. PURE, but for print_out.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"
#include "orlop/err.h"
#include "orlop/life.h"

/* The state document: indented by two, and no newline at its end. */
void print_state(struct text *t, const struct life_view *view);

/*
 * All containers as one line of JSON, `null` when there are none. `users` is the text of
 * /etc/passwd, from which owners get their names; NULL or an unknown uid gives "#uid".
 */
void print_list_json(struct text *t, const struct life_views *views, const char *users);

/* All containers as a table with a header line. */
void print_list_table(struct text *t, const struct life_views *views, const char *users);

/* The names alone, one a line. */
void print_list_names(struct text *t, const struct life_views *views);

/* Process ids as one line of JSON; `null` when there are none, as runc has it. */
void print_pids_json(struct text *t, const struct life_pids *pids);

/*
 * The lines of ps's output that belong to the processes, header first. The column is found by its
 * title, PID; without one it is an error.
 */
int print_pids_table(struct text *t, const char *ps, const struct life_pids *pids, struct err *e)
	__attribute__((warn_unused_result));

/*
 * A table whose columns are as wide as their longest cell: at least `least`, with three spaces
 * between. Cells are `columns` to a row; the last of a row is not padded.
 */
void print_table(struct text *t, const char *const *cells, size_t rows, size_t columns,
		 size_t least);

/*
 * Writes what was collected to standard output, all of it. When nobody reads it any more the
 * process ends by SIGPIPE: call it when everything else is done.
 */
int print_out(const struct text *t, struct err *e) __attribute__((warn_unused_result));
