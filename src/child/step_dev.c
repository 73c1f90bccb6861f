/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Device nodes and the links that belong beside them.
 */
#include "child/bytes.h"
#include "child/child.h"
#include "child/path.h"

/* The directory of the previous node: most stand in /dev, which is then resolved once. */
struct parent {
	const char *path;
	size_t len;
	int fd;
};

static size_t dirname_len(const char *path)
{
	size_t slash = 0;

	for (size_t n = 0; path[n]; n++)
		if (path[n] == '/')
			slash = n;
	return slash;
}

static int open_parent(struct child *c, struct parent *p, const char *path, char *room,
		       const char **name)
{
	size_t len = dirname_len(path);

	*name = child_held_name(&c->tmpfs, path);
	if (*name)
		return c->tmpfs.fd;
	if (p->fd >= 0 && len && len == p->len && memcmp(path, p->path, len) == 0 &&
	    path[len + 1] && !bytes_equal(path + len + 1, "..") &&
	    !bytes_equal(path + len + 1, ".")) {
		*name = path + len + 1;
		return p->fd;
	}
	p->fd = path_make_parent(c->root, path, room, name);
	p->path = path;
	p->len = len;
	return p->fd;
}

static uint64_t device_number(uint32_t major, uint32_t minor)
{
	return (minor & 0xffU) | ((uint64_t)(major & 0xfffU) << 8) |
	       ((uint64_t)(minor & ~0xffU) << 12) | ((uint64_t)(major & ~0xfffU) << 32);
}

/* Something of that name was there: it serves only if it is the same device. */
static int check_existing(int dir, const char *name, const struct child_device *d)
{
	struct stat st;
	long error = SYS(newfstatat, dir, name, &st, AT_SYMLINK_NOFOLLOW);

	if (error < 0)
		return (int)error;
	if ((st.st_mode & S_IFMT) != d->type)
		return -CHILD_E_DEVICE_DIFFERS;
	if (d->type != S_IFIFO && st.st_rdev != device_number(d->major, d->minor))
		return -CHILD_E_DEVICE_DIFFERS;
	return 0;
}

static int make_node(int dir, const char *name, const struct child_device *d)
{
	long error = SYS(mknodat, dir, name, d->type | d->mode, device_number(d->major, d->minor));

	if (error == -EEXIST) {
		error = check_existing(dir, name, d);
		if (error >= 0)
			error = SYS(fchmodat, dir, name, d->mode);
	} else if (error >= 0 && !d->uid && !d->gid) {
		return 0;
	}
	if (error >= 0)
		error = SYS(fchownat, dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW);
	return (int)error;
}

/*
 * In a user namespace mknod is not ours to use, nor without CAP_MKNOD: the host's node is cloned
 * over an empty file. Its identity is checked on the descriptor that is cloned.
 */
static int bind_node(struct child *c, const struct child_device *d, const char *path)
{
	int source = (int)SYS(openat, AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	int tree, place, error;
	struct stat st;

	if (source < 0)
		return source;
	error = (int)SYS(fstat, source, &st);
	if (error < 0)
		return error;
	if ((st.st_mode & S_IFMT) != d->type || st.st_rdev != device_number(d->major, d->minor))
		return -CHILD_E_DEVICE_DIFFERS;
	tree = sys_open_tree_attr(source, "", 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (tree < 0)
		return tree;
	place = path_make(c->root, path, true);
	if (place < 0)
		return place;
	return sys_attach(tree, place);
}

int step_devices(struct child *c)
{
	const struct child_device *devices = child_items(c, c->plan->devices);
	const struct child_pair *links = child_items(c, c->plan->symlinks);
	struct parent parent = { .fd = -1 };
	char room[PATH_ROOM];
	const char *name;

	for (uint32_t n = 0; n < c->plan->devices.count; n++) {
		const struct child_device *d = &devices[n];
		const char *path = child_string(c, d->path);
		int error;

		c->item = (int)n;
		child_detail(c, path);
		if (child_flag(c, CHILD_BIND_DEVICES) && d->type != S_IFIFO) {
			error = bind_node(c, d, path);
			child_close_temporary(c);
		} else {
			int dir = open_parent(c, &parent, path, room, &name);

			error = dir < 0 ? dir : make_node(dir, name, d);
			/* In a container of somebody else's mknod may not be ours to use, either. */
			if (error == -EPERM && d->type != S_IFIFO) {
				error = bind_node(c, d, path);
				child_close_temporary(c);
				parent.fd = -1;
			}
		}
		if (error < 0)
			return error;
	}
	c->item = -1;
	for (uint32_t n = 0; n < c->plan->symlinks.count; n++) {
		const char *path = child_string(c, links[n].value);
		const char *target = child_string(c, links[n].key);
		long error;
		int dir;

		/* The others are there wherever /proc is; this depends on the kernel's build. */
		if (bytes_equal(target, "/proc/kcore") && path_open(c->root, target, 0) == -ENOENT)
			continue;
		error = dir = open_parent(c, &parent, path, room, &name);

		child_detail(c, path);
		if (dir >= 0)
			error = SYS(symlinkat, target, dir, name);
		if (error < 0 && error != -EEXIST)	/* the image's own is its own affair */
			return (int)error;
	}
	return 0;
}
