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

static int make_empty(void)
{
	int fs = (int)SYS(fsopen, "tmpfs", FSOPEN_CLOEXEC);
	long result = fs;

	if (fs < 0)
		return fs;
	result = SYS(fsconfig, fs, FSCONFIG_SET_STRING, "size", "4k", 0);
	/* Two, because kernels before 5.18 count the root of the file system twice. */
	if (result >= 0)
		result = SYS(fsconfig, fs, FSCONFIG_SET_STRING, "nr_inodes", "2", 0);
	if (result >= 0)
		result = SYS(fsconfig, fs, FSCONFIG_SET_STRING, "mode", "755", 0);
	if (result >= 0)
		result = SYS(fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	if (result >= 0)
		result = SYS(fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (result >= 0)
		result = SYS(fsmount, fs, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				     MOUNT_ATTR_NOEXEC);
	sys_close(fs);
	return (int)result;
}

static int cover_directory(struct covers *covers, int place)
{
	int clone, error;

	if (covers->empty < 0) {
		covers->empty = make_empty();
		if (covers->empty < 0)
			return covers->empty;
	}
	if (!covers->empty_attached) {
		covers->empty_attached = true;
		return sys_attach(covers->empty, place);
	}
	clone = sys_open_tree(covers->empty, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (clone < 0)
		return clone;
	error = sys_attach(clone, place);
	sys_close(clone);
	return error;
}

static int cover_file(struct covers *covers, int place)
{
	int clone, error;

	if (covers->null < 0) {
		covers->null = open_null();
		if (covers->null < 0)
			return covers->null;
	}
	clone = sys_open_tree(covers->null, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (clone < 0)
		return clone;
	error = sys_attach(clone, place);
	sys_close(clone);
	return error;
}

static int mask_one(struct child *c, struct covers *covers, const char *path)
{
	int place = path_open(c->root, path, O_DIRECTORY), error;

	if (place == -ENOTDIR) {
		place = path_open(c->root, path, 0);
		error = place < 0 ? place : cover_file(covers, place);
	} else {
		error = place < 0 ? place : cover_directory(covers, place);
	}
	if (place >= 0)
		sys_close(place);
	/* Nothing to hide; a path through a file is nothing either. */
	return error == -ENOENT && place < 0 ? 0 : error == -ENOTDIR && place < 0 ? 0 : error;
}

static int make_readonly(struct child *c, const char *path)
{
	int place = path_open(c->root, path, 0), tree, error;

	if (place < 0)
		return place == -ENOENT || place == -ENOTDIR ? 0 : place;
	tree = sys_open_tree(place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
						AT_RECURSIVE);
	error = tree;
	if (tree >= 0)
		error = sys_mount_setattr(tree, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, 0);
	if (error >= 0)
		error = sys_attach(tree, place);
	sys_close(place);
	if (tree >= 0)
		sys_close(tree);
	return error;
}

int step_masks(struct child *c)
{
	struct covers covers = { -1, -1, false };
	int error = 0;

	for (uint32_t n = 0; n < c->plan->readonly.count && error >= 0; n++) {
		child_detail(c, child_item_string(c, c->plan->readonly, n));
		error = make_readonly(c, child_item_string(c, c->plan->readonly, n));
	}
	for (uint32_t n = 0; n < c->plan->masked.count && error >= 0; n++) {
		child_detail(c, child_item_string(c, c->plan->masked, n));
		error = mask_one(c, &covers, child_item_string(c, c->plan->masked, n));
	}
	child_close_temporary(c);
	return error;
}
