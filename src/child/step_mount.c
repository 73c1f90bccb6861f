/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The mounts of the configuration, in its order. Each is made detached, given its
 * attributes, and attached from descriptor to descriptor; no path is resolved twice.
 */
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sys/statfs.h>

#include "child/bind_attribute.h"
#include "child/bytes.h"
#include "child/child.h"
#include "child/copy_up.h"
#include "child/long_options.h"
#include "child/network.h"
#include "child/path.h"

enum {
	MOUNTS_PER_CLOSE = 8,	/* each opens three or four descriptors */
	MODE_OPTION = sizeof("mode=0000"),
};

/* What the kernel says about a file system's options, more than an errno. */
static void read_reason(struct child *c, int fs)
{
	char text[CHILD_DETAIL];
	long len = SYS(read, fs, text, sizeof(text) - 1);

	if (len <= 2)
		return;
	/* One line; some of the kernel's own end with another. */
	while (len > 2 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	/* "e proc: ..." : the letter is the message's level. */
	child_detail(c, text[1] == ' ' ? text + 2 : text);
}

/* One option, "word" or "key=value". */
static long configure(int fs, const char *option)
{
	const char *equals = bytes_find(option, '=');
	char key[256];
	size_t len;

	if (!equals)
		return SYS(fsconfig, fs, FSCONFIG_SET_FLAG, option, NULL, 0);
	len = (size_t)(equals - option);
	if (len >= sizeof(key))
		return -EINVAL;
	memcpy(key, option, len);
	key[len] = '\0';
	return SYS(fsconfig, fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

static bool is_fs(const struct child *c, const struct child_mount *m, const char *type)
{
	return m->kind == CHILD_MOUNT_FS && bytes_equal(child_string(c, m->fstype), type);
}

static bool is_tmpfs(const struct child *c, const struct child_mount *m)
{
	return is_fs(c, m, "tmpfs");
}

/*
 * A tmpfs without a mode of its own looks like the directory that it covers, as runc has it; one
 * that was made for it (existed is false) says nothing.
 */
static bool adopts_mode(const struct child *c, const struct child_mount *m)
{
	if (!is_tmpfs(c, m))
		return false;
	for (uint32_t n = 0; n < m->data.count; n++)
		if (bytes_begin(child_item_string(c, m->data, n), "mode="))
			return false;
	return true;
}

/* "mode=..." of the directory that is covered, in room for MODE_OPTION bytes. */
static long adopted_mode(int place, char *option)
{
	struct stat st;
	long error = SYS(fstat, place, &st);

	if (error < 0)
		return error;
	memcpy(option, "mode=0000", MODE_OPTION);
	for (int n = 0; n < 4; n++)
		option[5 + n] = (char)('0' + ((st.st_mode >> (3 * (3 - n))) & 7));
	return 0;
}

/* A read-only tmpfs has to be filled first: by a copy, by device nodes, by the places of mounts. */
static bool is_late(const struct child *c, const struct child_mount *m)
{
	return is_tmpfs(c, m) && m->attr_set & MOUNT_ATTR_RDONLY;
}

/* Its descriptor becomes the last of those that live on; step_pivot takes the right to write. */
static int keep_for_later(struct child *c, int fd)
{
	struct held *const all[] = { &c->tmpfs, &c->proc, &c->sys };
	int slot = (int)child_first_temporary(c);
	long error = fd == slot ? 0 : SYS(dup3, fd, slot, O_CLOEXEC);

	if (error < 0)
		return (int)error;
	c->late_mounts++;
	/* The descriptor that had this number until now stands for another mount. */
	for (unsigned n = 0; n < sizeof(all) / sizeof(all[0]); n++)
		if (all[n]->fd == fd)
			all[n]->fd = slot;
		else if (all[n]->fd == slot)
			*all[n] = HELD_NONE;
	return 0;
}

/* Of the others some are of a network (sysfs, nfs). */
static bool is_of_no_network(const char *fstype)
{
	static const char *const types[] = { "proc", "tmpfs", "devpts", "mqueue", "cgroup2" };

	for (unsigned n = 0; n < sizeof(types) / sizeof(types[0]); n++)
		if (bytes_equal(fstype, types[n]))
			return true;
	return false;
}

static int configure_fs(struct child *c, const struct child_mount *m, const char *fstype,
			const char *mode, uint64_t attributes)
{
	const char *source = child_string(c, m->source);
	int fs = (int)SYS(fsopen, fstype, FSOPEN_CLOEXEC);
	long result = 0;

	if (fs < 0)
		return fs;
	if (source)
		result = SYS(fsconfig, fs, FSCONFIG_SET_STRING, "source", source, 0);
	for (uint32_t n = 0; n < m->data.count && result >= 0; n++) {
		const char *option = child_item_string(c, m->data, n);

		result = configure(fs, option);
		if (result < 0)
			child_detail(c, option);
	}
	if (result >= 0 && mode)
		result = configure(fs, mode);
	if (result >= 0)
		result = SYS(fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (result >= 0)
		result = SYS(fsmount, fs, FSMOUNT_CLOEXEC, attributes);
	if (result < 0)
		read_reason(c, fs);
	return (int)result;
}

static int make_fs(struct child *c, const struct child_mount *m, const char *fstype, int covered)
{
	uint64_t attributes = m->attr_set;
	char option[MODE_OPTION];
	const char *mode = NULL;
	long error = is_of_no_network(fstype) ? 0 : network_enter(c);

	if (error >= 0 && covered >= 0 && adopts_mode(c, m)) {
		error = adopted_mode(covered, option);
		mode = option;
	}
	if (error < 0)
		return (int)error;
	if (is_late(c, m))
		attributes &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	if (has_long_options(c, m))
		return make_by_string(c, m, fstype, mode, attributes);
	return configure_fs(c, m, fstype, mode, attributes);
}

/* A source that only the runtime may open, or map: it sends the tree, its own clone or ours. */
static int ask_for_source(struct child *c, int item, int tree)
{
	int fd, word = network_enter(c);

	c->item = item;
	if (word >= 0)
		word = child_send(c, CHILD_WANTS_SOURCE, CHILD_STEP_MOUNTS, tree);
	if (word < 0)
		return word;
	word = child_receive(c, &fd);
	if (word == PARENT_SOURCE && fd >= 0)
		return fd;
	return word < 0 ? word : -CHILD_E_PROTOCOL;
}

static int clone_at(int source, bool recursive)
{
	if (source < 0)
		return source;
	return sys_open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
						 (recursive ? AT_RECURSIVE : 0));
}

static int clone_tree(const char *path, int flags, bool recursive)
{
	/* Through a descriptor, because open_tree alone does not follow /proc/PID/fd/N. */
	return clone_at((int)SYS(openat, AT_FDCWD, path, O_PATH | O_CLOEXEC | flags, 0), recursive);
}

/* How its source is opened. */
static int source_flags(const struct child_mount *m)
{
	return m->copy_link ? O_NOFOLLOW : 0;
}

/* A source that the host knows below the root: with the mounts that were made there so far. */
static int clone_in_root(struct child *c, const struct child_mount *m, int item)
{
	int source = path_open(c->root, child_string(c, m->in_root), (uint64_t)source_flags(m));
	int tree = clone_at(source, m->recursive);

	return tree >= 0 && m->from_parent ? ask_for_source(c, item, tree) : tree;
}

/*
 * cgroup2 of the container's own cgroup namespace. Where the kernel does not allow that, or
 * without such a namespace, the container's own subtree, which is all that it would see.
 */
static int make_cgroup(struct child *c, const struct child_mount *m)
{
	const char *own = child_string(c, c->plan->own_cgroup);
	int fd = -EPERM;

	if (c->plan->unshare_flags & CLONE_NEWCGROUP)
		fd = make_fs(c, m, "cgroup2", -1);
	if (fd >= 0 || !own || (fd != -EPERM && fd != -EBUSY))
		return fd;
	c->detail[0] = '\0';
	fd = clone_tree(own, 0, true);
	if (fd >= 0) {
		int error = sys_mount_setattr(fd, AT_RECURSIVE, m->attr_set, m->attr_clear, 0);

		if (error < 0) {
			sys_close(fd);
			return error;
		}
	}
	return fd;
}

static int make_mount(struct child *c, const struct child_mount *m, int item, int covered)
{
	if (m->kind == CHILD_MOUNT_FS)
		return make_fs(c, m, child_string(c, m->fstype), covered);
	if (m->kind == CHILD_MOUNT_CGROUP)
		return make_cgroup(c, m);
	if (m->in_root)
		return clone_in_root(c, m, item);
	if (m->from_parent)
		return ask_for_source(c, item, -1);
	return clone_tree(child_string(c, m->source), source_flags(m), m->recursive);
}

static int apply_attributes(struct child *c, const struct child_mount *m, int fd)
{
	int error = 0;

	/* What is said of this mount alone wins over what is said of all. */
	if (m->rec_set | m->rec_clear)
		error = sys_mount_setattr(fd, AT_RECURSIVE, m->rec_set, m->rec_clear, 0);
	if (error >= 0 && m->kind == CHILD_MOUNT_BIND)
		error = bind_attribute(m, fd, child_flag(c, CHILD_USER_NS));
	if (error >= 0 && m->kind == CHILD_MOUNT_REMOUNT && (m->attr_set | m->attr_clear))
		error = sys_mount_setattr(fd, 0, m->attr_set, m->attr_clear, 0);
	return error;		/* fsmount had the others' */
}

/* A file system that has no option for its label takes one for its root directory. */
static int label_root(int mount, const char *label)
{
	int root = (int)SYS(openat, mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	long error = root;

	if (root >= 0) {
		error = SYS(fsetxattr, root, "security.selinux", label, strlen(label) + 1, 0);
		sys_close(root);
	}
	return error < 0 ? (int)error : 0;
}

static bool is_type(int fd, uint32_t type)
{
	struct stat st;

	return SYS(fstat, fd, &st) >= 0 && (st.st_mode & S_IFMT) == type;
}

static bool is_directory(int fd)
{
	return is_type(fd, S_IFDIR);
}

static bool is_procfs(int fd)
{
	struct statfs fs;

	return SYS(fstatfs, fd, &fs) < 0 || fs.f_type == PROC_SUPER_MAGIC;
}

/*
 * The place to attach to; `*existed` says whether it was there. proc and sysfs go on a real
 * directory of the image only: a link there would move the files that labels and limits are
 * written through (CVE-2019-19921). The planner saw to it that nothing is mounted inside /proc by
 * name; where a link of the image led, only the kernel can say.
 */
static int open_place(struct child *c, const struct child_mount *m, bool file, bool *existed)
{
	const char *target = child_string(c, m->target);
	int place = sys_openat2(c->root, target, O_PATH | (m->ordinary_directory ? O_DIRECTORY : 0),
				RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

	*existed = place >= 0;
	if (m->ordinary_directory && (place == -ELOOP || place == -ENOTDIR))
		return -CHILD_E_NOT_ORDINARY;
	if (place == -ENOENT)
		place = path_make_last(c->root, target, file);
	if (place != -ELOOP && place != -ENOENT)
		return place;
	/* A link of the image is on the way, or more is missing than the last directory. */
	place = path_open(c->root, target, 0);
	*existed = place >= 0;
	if (place == -ENOENT)
		place = path_make(c->root, target, file);
	return place >= 0 && is_procfs(place) ? -CHILD_E_IN_PROC : place;
}

/* Propagation is a property of an attached mount: a detached one has nowhere to. */
static int propagate(const struct child_mount *m, int fd)
{
	if (!m->propagation)
		return 0;
	return sys_mount_setattr(fd, m->propagation & MS_REC ? AT_RECURSIVE : 0, 0, 0,
				 m->propagation & ~(uint32_t)MS_REC);
}

/* Whether something is mounted at that very place. */
static bool is_mount(int fd)
{
	struct statx st;

	return SYS(statx, fd, "", AT_EMPTY_PATH, 0, &st) >= 0 &&
	       st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/*
 * Other attributes for what an earlier mount, or the image's own tree, has at the target. Asked
 * for no attribute the kernel looks at nothing, so it is looked here.
 */
static int remount(struct child *c, const struct child_mount *m)
{
	int fd = path_open(c->root, child_string(c, m->target), 0);
	int error;

	if (fd < 0)
		return fd;
	error = is_mount(fd) ? apply_attributes(c, m, fd) : -EINVAL;
	return error < 0 ? error : propagate(m, fd);
}

/* The link itself, in place of a mount of what it leads to. */
static int copy_link(struct child *c, const struct child_mount *m, int link)
{
	char room[PATH_ROOM];
	const char *name;
	int dir = path_make_parent(c->root, child_string(c, m->target), room, &name);

	return dir < 0 ? dir : path_copy_link(link, "", dir, name);
}

/* These need not know what is at their place. */
static bool goes_by_name(const struct child *c, const struct child_mount *m)
{
	return (m->kind == CHILD_MOUNT_FS || m->kind == CHILD_MOUNT_CGROUP) && !m->copy_up &&
	       !adopts_mode(c, m);
}

/* What was attached to a directory of the root, by name; it may lie over what was held there. */
static void hold(struct child *c, const struct child_mount *m, int fd)
{
	struct held *const all[] = { &c->tmpfs, &c->proc, &c->sys };
	static const char *const types[] = { "tmpfs", "proc", "sysfs" };
	const char *target = child_string(c, m->target);

	for (unsigned n = 0; n < sizeof(all) / sizeof(all[0]); n++)
		if (is_fs(c, m, types[n]))
			*all[n] = (struct held){ fd, target };
		else if (bytes_equal(target, all[n]->target))
			*all[n] = HELD_NONE;
}

/*
 * The place of most file systems is a directory of the root itself, or one in a file system of
 * ours: a name in a directory that we hold, resolved once, and neither a link nor ".." can make
 * another of it. Whatever is not as expected takes the long way, which has the words for it.
 */
static bool attach_by_name(struct child *c, const struct child_mount *m, int fd)
{
	const struct held root = { c->root, "" };
	const char *target = child_string(c, m->target);
	const char *name = child_held_name(&c->tmpfs, target);

	if (name)
		return SYS(mkdirat, c->tmpfs.fd, name, 0755) >= 0 &&
		       sys_attach_to(fd, c->tmpfs.fd, name) >= 0;
	if (c->sys.fd >= 0 && bytes_equal(target, "/sys/fs/cgroup") &&
	    bytes_equal(c->sys.target, "/sys"))
		return sys_attach_to(fd, c->sys.fd, "fs/cgroup") >= 0;
	name = child_held_name(&root, target);
	if (!name || sys_attach_to(fd, c->root, name) < 0)
		return false;
	hold(c, m, fd);
	return true;
}

static int mount_one(struct child *c, const struct child_mount *m, int item)
{
	bool by_name = goes_by_name(c, m), existed = false;
	int fd = -1, place = -1, error = 0;

	c->item = item;
	if (m->kind == CHILD_MOUNT_REMOUNT)
		return remount(c, m);
	/* A bind's source says what its place has to be; another's place comes first. */
	if (m->kind == CHILD_MOUNT_BIND || by_name) {
		fd = make_mount(c, m, item, -1);
		if (fd < 0)
			return fd;
	}
	if (m->copy_link && is_type(fd, S_IFLNK))
		return copy_link(c, m, fd);
	if (!by_name) {
		place = open_place(c, m, fd >= 0 && !is_directory(fd), &existed);
		if (place < 0)
			return place;
	}
	if (fd < 0)
		fd = make_mount(c, m, item, existed ? place : -1);
	if (fd < 0)
		return fd;
	if (m->root_label)
		error = label_root(fd, child_string(c, m->root_label));
	if (error >= 0 && m->copy_up)
		error = copy_up(place, fd);
	if (error >= 0)
		error = apply_attributes(c, m, fd);
	if (error >= 0 && !(by_name && attach_by_name(c, m, fd))) {
		child_hold_nothing(c);
		if (place < 0)
			place = open_place(c, m, false, &existed);
		error = place < 0 ? place : sys_attach(fd, place);
		/* What mount(2) says of a file on a directory, and engines look for. */
		if (error == -EINVAL && is_directory(fd) != is_directory(place))
			error = -ENOTDIR;
	}
	if (error >= 0)
		error = propagate(m, fd);
	if (error >= 0 && is_late(c, m))
		error = keep_for_later(c, fd);
	return error;
}

int step_mounts(struct child *c)
{
	const struct child_mount *mounts = child_items(c, c->plan->mounts);

	for (uint32_t n = 0; n < c->plan->mounts.count; n++) {
		int error = mount_one(c, &mounts[n], (int)n);

		if (error < 0)
			return error;
		/* One call for many, yet never more than a few open; step_pivot closes the last. */
		if (n % MOUNTS_PER_CLOSE == MOUNTS_PER_CLOSE - 1)
			child_close_temporary(c);
	}
	return 0;
}
