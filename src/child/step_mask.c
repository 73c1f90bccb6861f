/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Paths that are hidden or made read-only. Each target is resolved once; what covers
 * it is made of objects of ours: the host's /dev/null, checked to be the null device, and one
 * empty read-only tmpfs for all directories (CVE-2025-31133).
 *
 * Most are directories and files of a procfs or sysfs that we made, whose names only the kernel
 * makes: those are covered by name. A link there is resolved as every other path.
 *
 * What covers a path is only made when there is something to cover: a clone that nobody attached
 * costs a grace period when it is closed.
 */
#include <linux/mount.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/path.h"

enum {
	PATHS_PER_CLOSE = 12,	/* each opens two descriptors */
	NAME_ROOM = 256 + 1,	/* NAME_MAX, a slash and the end */
};

struct covers {
	int null;		/* a place: cloned for each file */
	int empty;		/* the tmpfs: the first use attaches it, the others clone it */
};

/* The name of the path in a file system that the kernel alone fills; *dir is where. Or NULL. */
static const char *kernel_name(const struct child *c, const char *path, int *dir)
{
	const char *name = child_held_name(&c->proc, path);

	*dir = name ? c->proc.fd : c->sys.fd;
	return name ? name : child_held_name(&c->sys, path);
}

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
	if (label)
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
static void close_used(struct child *c, struct covers *covers)
{
	int keep = covers->null > covers->empty ? covers->null : covers->empty;

	if (keep < 0)
		child_close_temporary(c);
	else
		sys_close_from((unsigned)keep + 1);
}

/* Something to attach to a directory, or a negative errno. */
static int clone_empty(struct child *c, struct covers *covers)
{
	if (covers->empty >= 0)
		return sys_open_tree(covers->empty, "",
				     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	covers->empty = make_empty(child_string(c, c->plan->mount_label));
	return covers->empty;
}

/* The same for anything else. */
static int clone_null(struct covers *covers)
{
	if (covers->null < 0)
		covers->null = open_null();
	if (covers->null < 0)
		return covers->null;
	return sys_open_tree_attr(covers->null, "", 0,
				  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

static int cover_directory(struct child *c, struct covers *covers, int place)
{
	int clone = clone_empty(c, covers);

	return clone < 0 ? clone : sys_attach(clone, place);
}

static int cover_file(struct covers *covers, int place)
{
	int clone = clone_null(covers);

	return clone < 0 ? clone : sys_attach(clone, place);
}

/* 1, 0 where the path is not such a name, or a negative errno. What is not there needs no mask. */
static int mask_by_name(struct child *c, struct covers *covers, const char *path)
{
	int dir, cover;
	const char *name = kernel_name(c, path, &dir);
	struct stat st;
	long error;

	if (!name)
		return 0;
	error = SYS(newfstatat, dir, name, &st, AT_SYMLINK_NOFOLLOW);
	if (error < 0)
		return error == -ENOENT;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return 0;
	cover = S_ISDIR(st.st_mode) ? clone_empty(c, covers) : clone_null(covers);
	if (cover >= 0)
		cover = sys_attach_to(cover, dir, name);
	return cover < 0 ? cover : 1;
}

static int mask_one(struct child *c, struct covers *covers, const char *path)
{
	int done = mask_by_name(c, covers, path), place;

	if (done != 0)
		return done < 0 ? done : 0;
	place = path_open(c->root, path, O_DIRECTORY);
	if (place >= 0)
		return cover_directory(c, covers, place);
	if (place == -ENOTDIR)
		place = path_open(c->root, path, 0);
	/* Nothing to hide; a path through a file is nothing either. */
	if (place < 0)
		return place == -ENOENT || place == -ENOTDIR ? 0 : place;
	return cover_file(covers, place);
}

/* Whether that was done; the slash behind the name asks for a directory. */
static int make_readonly_by_name(struct child *c, const char *path)
{
	char slashed[NAME_ROOM];
	int dir, tree;
	const char *name = kernel_name(c, path, &dir);
	size_t len = name ? strlen(name) : 0;

	if (!len || len + 2 > sizeof(slashed))
		return 0;
	memcpy(slashed, name, len);
	memcpy(slashed + len, "/", 2);
	tree = sys_open_tree_attr(dir, slashed, AT_RECURSIVE, MOUNT_ATTR_RDONLY);
	if (tree < 0)
		return tree == -ENOENT;
	return sys_attach_to(tree, dir, name) >= 0;
}

static int make_readonly(struct child *c, const char *path)
{
	int place, tree;

	if (make_readonly_by_name(c, path))
		return 0;
	place = path_open(c->root, path, 0);
	if (place < 0)
		return place == -ENOENT || place == -ENOTDIR ? 0 : place;
	tree = sys_open_tree_attr(place, "", AT_RECURSIVE, MOUNT_ATTR_RDONLY);
	return tree < 0 ? tree : sys_attach(tree, place);
}

int step_masks(struct child *c)
{
	struct covers covers = { -1, -1 };
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
	return error;
}
