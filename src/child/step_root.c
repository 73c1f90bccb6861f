/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The root file system: how mounts propagate, the root's own mount, and the moment at
 * which the host's tree goes away.
 */
#include <linux/mount.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/path.h"

enum { PROPAGATIONS = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE };

static uint32_t root_propagation(const struct child *c)
{
	return c->plan->rootfs_propagation & PROPAGATIONS;
}

/*
 * Before the first mount nothing of ours may reach the host. The default lets the host's events
 * in (slave). Asked for a shared root, the copies of host mounts stay the host's peers, because
 * that is what a bind mount with rshared is asked for; the root itself is cut off below.
 */
int step_propagation(struct child *c)
{
	uint32_t type = root_propagation(c);

	if (type == MS_SHARED)
		return 0;
	type = type == MS_PRIVATE || type == MS_UNBINDABLE ? MS_PRIVATE : MS_SLAVE;
	return (int)SYS(mount, "", "/", NULL, MS_REC | type, NULL);
}

/*
 * Makes the mount that a directory is on private, so that attaching there is not seen by its
 * peers on the host: goes up until the directory is the root of its mount.
 */
static int isolate_parent(int dir)
{
	int at = (int)SYS(fcntl, dir, F_DUPFD_CLOEXEC, 3);

	while (at >= 0) {
		int error = sys_mount_setattr(at, 0, 0, 0, MS_PRIVATE);
		int up;

		if (error != -EINVAL) {
			sys_close(at);
			return error;
		}
		up = (int)SYS(openat, at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		sys_close(at);
		at = up;
	}
	return at;
}

int step_root(struct child *c)
{
	const char *path = child_string(c, c->plan->rootfs);
	uint32_t type = root_propagation(c);
	/* The parent saw that it is no link; it may have become one since. */
	int place = (int)SYS(openat, AT_FDCWD, path,
			     O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	int root, error = 0;

	if (place < 0)
		return place;
	root = sys_open_tree(place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE |
						AT_EMPTY_PATH);
	if (root < 0)
		return root;
	if (type == MS_SHARED)
		error = isolate_parent(place);
	if (error >= 0 && type && type != MS_SLAVE)
		error = sys_mount_setattr(root, AT_RECURSIVE, 0, 0, MS_PRIVATE);
	if (error >= 0)
		error = sys_attach(root, place);
	c->place = place;
	c->root = root;
	return error;
}

/* Takes a mount of the host out of our namespace, or, where it is locked, covers it. */
static long hide(const char *path)
{
	long error = SYS(umount2, path, 2 /* MNT_DETACH */);

	if (error == -EINVAL || error == -EPERM)
		error = SYS(mount, "tmpfs", path, "tmpfs", MS_RDONLY, NULL);
	return error == -ENOENT ? 0 : error;
}

/*
 * For a root that is a ramdisk's, which pivot_root refuses. The host's tree stays below, so what
 * the container must not get hold of again is hidden first.
 */
static int move_root(struct child *c)
{
	long error = SYS(fchdir, c->root);

	for (uint32_t n = 0; n < c->plan->revealing.count && error >= 0; n++) {
		child_detail(c, child_item_string(c, c->plan->revealing, n));
		error = hide(child_item_string(c, c->plan->revealing, n));
	}
	if (error >= 0)
		error = SYS(mount, ".", "/", NULL, MS_MOVE, NULL);
	if (error >= 0)
		error = SYS(chroot, ".");
	return (int)error;
}

/*
 * The new root is stacked on the old one and the old one detached from below: no directory of the
 * image is needed to hold it, and nothing of the host's tree can be named afterwards.
 */
static int pivot(struct child *c)
{
	bool shared = root_propagation(c) == MS_SHARED;
	int old = -1;
	long error = 0;

	if (shared)
		error = old = (int)SYS(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (error >= 0)
		error = SYS(fchdir, c->root);
	if (error >= 0)
		error = SYS(pivot_root, ".", ".");
	/* Peers on the host must not see the old tree go, so it becomes their slave first. */
	if (error >= 0 && shared)
		error = sys_mount_setattr(old, AT_RECURSIVE, 0, 0, MS_SLAVE);
	if (error >= 0)
		error = SYS(umount2, ".", 2 /* MNT_DETACH */);
	return (int)error;
}

/*
 * Everything is in place: takes the right to write from what the configuration wants read-only. A
 * missing working directory can only be made before that; whether it worked is for step_cwd to say,
 * which has to find it.
 */
static int make_readonly(struct child *c)
{
	const char *cwd = child_string(c, c->plan->cwd);
	int late = (int)child_first_temporary(c), error = 0;

	if (!child_flag(c, CHILD_ROOT_READONLY) && !c->late_mounts)
		return 0;
	if (!bytes_equal(cwd, "/"))
		path_make(c->root, cwd, false);
	for (; c->late_mounts && error >= 0; c->late_mounts--)
		error = sys_mount_setattr(--late, 0, MOUNT_ATTR_RDONLY, 0, 0);
	if (error >= 0 && child_flag(c, CHILD_ROOT_READONLY))
		error = sys_mount_setattr(c->root, 0, MOUNT_ATTR_RDONLY, 0, 0);
	return error;
}

int step_pivot(struct child *c)
{
	uint32_t type = root_propagation(c);
	long error = child_flag(c, CHILD_NO_PIVOT) ? move_root(c) : pivot(c);

	if (error >= 0 && (type == MS_SHARED || type == MS_UNBINDABLE))
		error = sys_mount_setattr(c->root, 0, 0, 0, type);
	if (error >= 0)
		error = make_readonly(c);
	if (error < 0)
		return (int)error;
	c->root = c->place = -1;
	child_close_temporary(c);
	return 0;
}

int step_names(struct child *c)
{
	const char *host = child_string(c, c->plan->hostname);
	const char *domain = child_string(c, c->plan->domainname);
	long error = 0;

	if (host)
		error = SYS(sethostname, host, strlen(host));
	if (error >= 0 && domain)
		error = SYS(setdomainname, domain, strlen(domain));
	return (int)error;
}
