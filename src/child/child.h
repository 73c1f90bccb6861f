/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. What the steps share: the plan block, the descriptors that live longer than a step,
 * and the ways to fail. The child calls no library, allocates nothing and decides nothing.
 *
 * A step returns 0, or a negative errno (or -CHILD_E_*) after setting `item` and, where it helps,
 * `detail`. The loop in child.c reports it and the process exits: half-dropped privilege cannot be
 * repaired, so nothing tries.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child/sys.h"
#include "orlop/child_plan.h"

/*
 * A file system that we made ourselves, attached to a directory of the root by name, and that
 * nothing lies over: as long as the container's program has not begun nobody else can reach into
 * it, so that a name in it needs no care. fd is -1 when that is not so, or may not be.
 */
struct held {
	int fd;
	const char *target;
};

#define HELD_NONE ((struct held){ -1, "" })

struct child {
	const struct child_plan *plan;
	const char *base;		/* of the block; offsets count from here */
	int control;			/* the parent, later the one who said `start` */
	/*
	 * The descriptors that outlive a step are the lowest ones, without gaps: the preserved ones,
	 * then control, listener, place, root, and mounts that become read-only when everything is
	 * in place. What a step opens is above.
	 */
	int place;			/* what the root is mounted on, until pivot_root */
	int root;			/* the container's root mount, until pivot_root */
	unsigned late_mounts;		/* how many, behind root */
	struct held tmpfs, proc, sys;	/* of tmpfs the one that was attached last */
	bool in_network;		/* that the parent has made */
	unsigned old_umask;
	uint32_t uid, gid;		/* who we were born as; UINT32_MAX: not one user */
	char home[4096 + 8];		/* "HOME=..." when it was looked up */
	char program[4096];		/* what will be executed */
	const char **environment;	/* for execve; made by step_program */
	const char **arguments;
	bool waits;			/* for `start`, after it was said to be ready */
	int item;
	uint64_t value;
	char detail[CHILD_DETAIL];
};

#define CHILD_STEP_FUNCTION(word, name, function, kinds) int function(struct child *c);
CHILD_STEPS(CHILD_STEP_FUNCTION)
#undef CHILD_STEP_FUNCTION

/* A string of the block; NULL for offset 0. */
static inline const char *child_string(const struct child *c, child_str at)
{
	return at ? c->base + at : NULL;
}

/* The records of a list. */
static inline const void *child_items(const struct child *c, struct child_list list)
{
	return c->base + list.offset;
}

static inline const char *child_item_string(const struct child *c, struct child_list list,
					    uint32_t n)
{
	return child_string(c, ((const child_str *)child_items(c, list))[n]);
}

static inline bool child_flag(const struct child *c, uint32_t flag)
{
	return c->plan->flags & flag;
}

/* The first descriptor that does not outlive a step. */
unsigned child_first_temporary(const struct child *c);

/* Closes what the steps opened above the descriptors that live on: one call for many. */
void child_close_temporary(struct child *c);

/* What lies where is not known any more: something was attached, perhaps by way of a link. */
void child_hold_nothing(struct child *c);

/* What follows the held directory and a slash in `path` when that is one name; else NULL. */
const char *child_held_name(const struct held *held, const char *path);

/* Copies text into `detail`, cut where it does not fit. */
void child_detail(struct child *c, const char *text);

/* Sends one message, with a descriptor when fd is not negative. 0 or a negative errno. */
int child_send(struct child *c, uint32_t word, int step, int fd);

/*
 * Waits for a message; a descriptor that came with it is in *fd (-1: none). Returns its word, or
 * -CHILD_E_PARENT_GONE, or the negative error that it carries.
 */
int child_receive(struct child *c, int *fd);

/* Reports a failure to the parent and ends the process. */
_Noreturn void child_fail(struct child *c, int step, int error);
