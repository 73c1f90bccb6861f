/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of inverses. Each outside effect is followed by the push of what takes it back; on
 * failure they run newest first. The inverses are the functions that `delete` uses.
 */
#pragma once

enum { UNDO_MAX = 16 };

struct undo {
	struct {
		void (*run)(void *);
		void *argument;
	} steps[UNDO_MAX];
	unsigned count;
};

#define UNDO_NONE ((struct undo){ .count = 0 })

/* Remembers an inverse; the argument must live until undo_run or undo_forget. */
void undo_push(struct undo *u, void (*run)(void *), void *argument);

/* Runs all inverses, newest first, and forgets them; errno is kept. */
void undo_run(struct undo *u);

/* Forgets them: what was done stays. */
void undo_forget(struct undo *u);
