/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of mounts[].options: what mount_setattr(2), fsconfig(2) and we ourselves make of each.
 * Read from left to right, a later word takes back what an earlier one said. Whether they make
 * sense for the mount at hand is the planner's business. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

struct mount_options {
	/*
	 * For mount_setattr: MOUNT_ATTR_* of the mount alone, and of the mount with everything
	 * below it (AT_RECURSIVE). Apply the recursive ones first: "rro,rw" is a writable mount
	 * with read-only ones below it, and of "ro,rrw" only the rrw is left. The clear masks
	 * have what has to be taken away from a clone; a new file system begins with nothing set.
	 * Wherever an access time mode was asked for, the clear mask has MOUNT_ATTR__ATIME,
	 * without which the kernel refuses the mode.
	 */
	uint64_t attr_set, attr_clear;
	uint64_t rec_set, rec_clear;
	bool attr_said;		/* there was a word about attributes of the mount alone */

	uint64_t propagation;		/* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE or 0 */
	bool propagation_recursive;

	/*
	 * Words for fsconfig(FSCONFIG_SET_FLAG) that every file system takes ("ro", "sync",
	 * "lazytime"), one of each pair. "ro" and "rw" are here as well as in attr_set: a
	 * read-only block device can only be mounted with a read-only superblock. None of them
	 * means anything for a bind.
	 */
	struct str_list superblock;

	/* The words that we do not know, as written, for the file system: "mode=755". */
	struct str_list data;

	bool bind;		/* "bind" or "rbind" was said: this is a bind mount */
	bool bind_recursive;	/* "rbind" was */
	bool remount;
	bool tmpcopyup;
	bool copy_symlink;
	bool idmap;		/* "idmap" or "ridmap" */
	bool idmap_recursive;	/* the last of the two was "ridmap" */
};

/* Reads the words; the lists are in the arena, their strings are the input's. */
int mount_options_read(const struct str_list *words, struct arena *a, struct mount_options *ret,
		       struct err *e) __attribute__((warn_unused_result));

/* The index-th word of the table, in alphabetical order; NULL after the last one. */
const char *mount_options_word(size_t index);
