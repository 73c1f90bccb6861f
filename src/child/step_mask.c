/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Paths that are hidden or made read-only. Each target is resolved once; what covers
 * it is made of objects of ours: the host's /dev/null, checked to be the null device, and one
 * empty read-only tmpfs for all directories (CVE-2025-31133).
 */
#include <linux/mount.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/path.h"

enum { PATHS_PER_CLOSE = 12 };	/* each opens two descriptors */

struct covers {
	int null;		/* a place: cloned for each file */
	int empty;		/* the tmpfs: the first use attaches it, the others clone it */
	bool empty_attached;
};

static int open_null(void)
{
	int fd = (int)SYS(openat, AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	struct stat st;
	long error = fd;

	if (fd >= 0)
		error = SYS(fstat, fd, &st);
	if (error < 0)
		return (int)error;
	return S_ISCHR(st.st_mode) && st.st_rdev == 0x103 ? fd : -CHILD_E_NOT_DEVNULL;
}

static int make_empty(const char *label)
{
	int fs = (int)SYS(fsopen, "tmpfs", FSOPEN_CLOEXEC);
	long result = fs;

	if (fs < 0)
		return fs;
	result = SYS(fsconfig, fs, FSCONFIG_SET_STRING, "mode", "755", 0);
	if (result >= 0 && label)
		result = SYS(fsconfig, fs, FSCONFIG_SET_STRING, "context", label, 0);
	if (result >= 0)
		result = SYS(fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	if (result >= 0)
		result = SYS(fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (result >= 0)
		result = SYS(fsmount, fs, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				     MOUNT_ATTR_NOEXEC);
	return (int)result;
}

/* The covers stay open for the next one; everything above them is done with. */
static void close_used(struct child *c, const struct covers *covers)
{
	int keep = covers->null > covers->empty ? covers->null : covers->empty;

	if (keep < 0)
		child_close_temporary(c);
	else
		sys_close_from((unsigned)keep + 1);
}

static int cover_directory(struct child *c, struct covers *covers, int place)
{
	int clone;

	if (covers->empty < 0) {
		covers->empty = make_empty(child_string(c, c->plan->mount_label));
		if (covers->empty < 0)
			return covers->empty;
	}
	if (!covers->empty_attached) {
		covers->empty_attached = true;
		return sys_attach(covers->empty, place);
	}
	clone = sys_open_tree(covers->empty, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	return clone < 0 ? clone : sys_attach(clone, place);
}

static int cover_file(struct covers *covers, int place)
{
	int clone;

	if (covers->null < 0) {
		covers->null = open_null();
		if (covers->null < 0)
			return covers->null;
	}
	clone = sys_open_tree_attr(covers->null, 0,
				   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	return clone < 0 ? clone : sys_attach(clone, place);
}

static int mask_one(struct child *c, struct covers *covers, const char *path)
{
	int place = path_open(c->root, path, O_DIRECTORY), error;

	if (place == -ENOTDIR) {
		place = path_open(c->root, path, 0);
		error = place < 0 ? place : cover_file(covers, place);
	} else {
		error = place < 0 ? place : cover_directory(c, covers, place);
	}
	/* Nothing to hide; a path through a file is nothing either. */
	return error == -ENOENT && place < 0 ? 0 : error == -ENOTDIR && place < 0 ? 0 : error;
}

static int make_readonly(struct child *c, const char *path)
{
	int place = path_open(c->root, path, 0), tree;

	if (place < 0)
		return place == -ENOENT || place == -ENOTDIR ? 0 : place;
	tree = sys_open_tree_attr(place, AT_RECURSIVE, MOUNT_ATTR_RDONLY);
	return tree < 0 ? tree : sys_attach(tree, place);
}

int step_masks(struct child *c)
{
	struct covers covers = { -1, -1, false };
	int error = 0;

	for (uint32_t n = 0; n < c->plan->readonly.count && error >= 0; n++) {
		child_detail(c, child_item_string(c, c->plan->readonly, n));
		error = make_readonly(c, child_item_string(c, c->plan->readonly, n));
		if (n % PATHS_PER_CLOSE == PATHS_PER_CLOSE - 1)
			child_close_temporary(c);
	}
	for (uint32_t n = 0; n < c->plan->masked.count && error >= 0; n++) {
		child_detail(c, child_item_string(c, c->plan->masked, n));
		error = mask_one(c, &covers, child_item_string(c, c->plan->masked, n));
		if (n % PATHS_PER_CLOSE == PATHS_PER_CLOSE - 1)
			close_used(c, &covers);
	}
	child_close_temporary(c);
	return error;
}
