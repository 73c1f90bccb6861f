/* SPDX-License-Identifier: Apache-2.0 */
/*
 * criu finds things by path, and wants a root that is a mount point of its own. So all that it is
 * to find is gathered where nobody else can come in between: on a small tmpfs over the container's
 * directory, in a mount namespace that only we and criu are in. "root" is the container's; "0", "1"
 * and so on are the sources of its binds.
 */
#include "engine/criu_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mounts.h"
#include "base/sys.h"
#include "engine/source.h"
#include "orlop/auto.h"

enum { LINKS_NONE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

struct stage {
	const struct plan *plan;
	struct criu_stage *s;
	const char *dir;		/* where the tmpfs is */
	const char *cgroup;		/* the container's own, or NULL */
	int root;			/* of the container */
	int procfs;
	size_t sources;			/* how many there are */
	struct arena *a;
};

static void add(struct stage *g, const char *key, const char *source)
{
	struct pair_list *list = &g->s->mounts;

	if (list->count % 16 == 0) {
		struct oci_pair *more = arena_new_array(g->a, struct oci_pair, list->count + 16);

		if (list->count)
			memcpy(more, list->items, list->count * sizeof(*more));
		list->items = more;
	}
	list->items[list->count++] = (struct oci_pair){ arena_strdup(g->a, key),
							arena_strdup(g->a, source) };
}

static int enter_namespace(struct criu_stage *s, struct err *e)
{
	s->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (s->cwd < 0 || s->home < 0 || unshare(CLONE_NEWNS) < 0)
		return err_sys(e, "mount namespace for criu");
	if (mount("", "/", "", MS_SLAVE | MS_REC, NULL) < 0)
		return err_sys(e, "mount propagation");
	return 0;
}

/* Where a descriptor is, by its name without links; NULL and *e. */
static const char *path_of(int fd, struct arena *a, struct err *e)
{
	char link[32], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0) {
		err_sys(e, "%s", link);
		return NULL;
	}
	path[len] = '\0';
	return arena_strdup(a, path);
}

/*
 * The kernel names mounts and descriptors without links, so what is compared with such names begins
 * without them, too: Docker's --root is below /var/run, which is a link to /run.
 */
static int resolve_dir(struct stage *g, struct err *e)
{
	auto_fd int fd = open(g->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "%s", g->dir);
	g->dir = path_of(fd, g->a, e);
	return g->dir ? 0 : -1;
}

static int make_floor(struct stage *g, struct err *e)
{
	if (resolve_dir(g, e) < 0)
		return -1;
	g->s->root = arena_printf(g->a, "%s/root", g->dir);
	if (mount("orlop", g->dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0 ||
	    mount("", g->dir, "", MS_PRIVATE, NULL) < 0)
		return err_sys(e, "tmpfs on %s", g->dir);
	if (mkdir(g->s->root, 0755) < 0 ||
	    mount(g->plan->rootfs, g->s->root, "", MS_BIND | MS_REC, NULL) < 0)
		return err_sys(e, "mount the root file system on %s", g->s->root);
	g->root = open(g->s->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return g->root < 0 ? err_sys(e, "%s", g->s->root) : 0;
}

/* One component that is missing; the descriptor of what it is in. */
static int make_one(int dir, const char *name, bool file)
{
	int fd;

	if (!file)
		return mkdirat(dir, name, 0755);
	fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -1 : close(fd);
}

/*
 * Opens a path beneath the root; with `make`, what is missing of it is made. Links are followed as
 * the container would; a link that leads nowhere is refused.
 */
static int open_inside(struct stage *g, const char *path, bool make, bool file, struct err *e)
{
	char known[PATH_MAX];
	size_t len = strlen(path), end = 0;
	int fd = sys_openat2(g->root, path, O_PATH, 0, LINKS_NONE);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd < 0 ? err_sys(e, "mount point \"%s\"", path) : fd;
	if (len >= sizeof(known))
		return err_sys_code(e, ENAMETOOLONG, "mount point \"%s\"", path);
	fd = fcntl(g->root, F_DUPFD_CLOEXEC, 0);
	while (fd >= 0 && end < len) {
		auto_fd int dir = fd;
		char name[NAME_MAX + 1];
		size_t start = end + strspn(path + end, "/");

		end = start + strcspn(path + start, "/");
		if (start == end)
			return take_fd(&dir);
		if (end - start >= sizeof(name))
			return err_sys_code(e, ENAMETOOLONG, "mount point \"%s\"", path);
		memcpy(name, path + start, end - start);
		name[end - start] = '\0';
		memcpy(known, path, end);
		known[end] = '\0';
		fd = sys_openat2(g->root, known, O_PATH, 0, LINKS_NONE);
		if (fd < 0 && errno == ENOENT &&
		    make_one(dir, name, file && !path[end + strspn(path + end, "/")]) == 0)
			fd = sys_openat2(g->root, known, O_PATH, 0, LINKS_NONE);
	}
	return fd < 0 ? err_sys(e, "make the mount point \"%s\"", path) : fd;
}

/* Where a descriptor beneath the root is, as the container will see it; NULL and *e. */
static const char *inside_path(struct stage *g, int fd, struct err *e)
{
	size_t root = strlen(g->s->root);
	const char *path = path_of(fd, g->a, e);

	if (path && (strncmp(path, g->s->root, root) != 0 || path[root] != '/')) {
		err_set(e, ERR_SYSTEM, "a mount point is outside of the root: %s", path);
		return NULL;
	}
	return path ? path + root : NULL;
}

/* A source of its own place, from which criu clones it. */
static int place_source(struct stage *g, int tree, const char **ret, struct err *e)
{
	const char *path = arena_printf(g->a, "%s/%zu", g->dir, g->sources++);
	struct stat st;

	if (fstat(tree, &st) < 0 || make_one(AT_FDCWD, path, !S_ISDIR(st.st_mode)) < 0 ||
	    move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "place for a mount's source");
	*ret = path;
	return 0;
}

static bool is_dir(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * As the plan says. criu sets what the images say as well, but only on the first of those that are
 * of one file system.
 */
static int set_attributes(int tree, const struct plan_mount *m, struct err *e)
{
	struct mount_attr own = { .attr_set = m->attr_set, .attr_clr = m->attr_clear };
	struct mount_attr all = { .attr_set = m->rec_set, .attr_clr = m->rec_clear };

	if (((own.attr_set | own.attr_clr) &&
	     mount_setattr(tree, "", AT_EMPTY_PATH, &own, sizeof(own)) < 0) ||
	    ((all.attr_set | all.attr_clr) &&
	     mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &all, sizeof(all)) < 0))
		return err_sys(e, "mount attributes of %s", m->source);
	return 0;
}

static int open_source(struct stage *g, const struct plan_mount *m, struct err *e)
{
	auto_fd int tree = source_open(g->plan, m, g->procfs, -1, e);

	return tree < 0 || set_attributes(tree, m, e) < 0 ? -1 : take_fd(&tree);
}

/* In the container's root too, for the mount points that are below it. */
static int add_bind(struct stage *g, const struct plan_mount *m, struct err *e)
{
	auto_fd int tree = open_source(g, m, e);
	auto_fd int again = -1, place = -1;
	const char *source, *key;

	if (tree < 0)
		return -1;
	place = open_inside(g, m->target, true, !is_dir(tree), e);
	if (place < 0)
		return -1;
	key = inside_path(g, place, e);
	if (!key || place_source(g, tree, &source, e) < 0)
		return -1;
	add(g, key, source);
	again = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			  (m->recursive ? AT_RECURSIVE : 0));
	if (again < 0 || move_mount(again, "", place, "", MOVE_MOUNT_F_EMPTY_PATH |
				    MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(e, "mount %s at \"%s\"", m->source, m->target);
	return 0;
}

/* Whether it is on a file system that criu fills, mount points and all. */
static bool is_covered(const struct plan *plan, size_t count, const char *path)
{
	for (size_t n = 0; n < count; n++) {
		const struct plan_mount *m = &plan->mounts.items[n];
		size_t len = strlen(m->target);

		if (m->kind == PLAN_MOUNT_FS && !strncmp(path, m->target, len) && path[len] == '/')
			return true;
	}
	return false;
}

/* The key is where it was mounted: on a file system of the container's, only the name is known. */
static int add_covered(struct stage *g, const struct plan_mount *m, struct err *e)
{
	auto_fd int tree = open_source(g, m, e);
	const char *source;

	if (tree < 0 || place_source(g, tree, &source, e) < 0)
		return -1;
	add(g, m->target, source);
	return 0;
}

static int add_mounts(struct stage *g, struct err *e)
{
	const struct plan *plan = g->plan;

	for (size_t n = 0; n < plan->mounts.count; n++) {
		const struct plan_mount *m = &plan->mounts.items[n];
		bool covered = is_covered(plan, n, m->target);
		auto_fd int place = -1;

		if (m->kind == PLAN_MOUNT_BIND) {
			if ((covered ? add_covered(g, m, e) : add_bind(g, m, e)) < 0)
				return -1;
		} else if (m->kind == PLAN_MOUNT_FS && !covered) {
			place = open_inside(g, m->target, true, false, e);
			if (place < 0)
				return -1;
		}
	}
	return 0;
}

/*
 * What no bind of the configuration stands for: nodes of the host, and where the container has no
 * cgroup namespace its own group.
 */
static int add_others(struct stage *g, const struct plan_external_list *externals, struct err *e)
{
	for (size_t n = 0; n < externals->count; n++) {
		const struct plan_external *x = &externals->items[n];
		struct plan_mount m = { .target = x->path, .source = x->path };

		if (x->mount && x->mount->kind == PLAN_MOUNT_CGROUP && g->cgroup) {
			m = *x->mount;
			m.source = g->cgroup;
		} else if (x->kind != PLAN_EXTERNAL_DEVICE) {
			continue;
		}
		if (add_covered(g, &m, e) < 0)
			return -1;
	}
	return 0;
}

/* What came along with recursive sources has names of its own in the images. */
static int add_below(struct stage *g, struct err *e)
{
	size_t count = g->s->mounts.count;
	struct mounts mounts;

	if (mounts_of(0, g->a, &mounts, e) < 0)
		return -1;
	for (size_t i = 0; i < mounts.count; i++)
		for (size_t n = 0; n < count; n++) {
			const struct oci_pair *pair = &g->s->mounts.items[n];
			const char *point = mounts.items[i].point;
			size_t len = strlen(pair->value);

			if (!strncmp(point, pair->value, len) && point[len] == '/')
				add(g, arena_printf(g->a, "%s%s", pair->key, point + len), point);
		}
	return 0;
}

/* The host's null device covers masked files, as it does at create. */
static int add_null(struct stage *g, struct err *e)
{
	struct plan_mount null = {
		.kind = PLAN_MOUNT_BIND, .source = criu_null_device,
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	};
	auto_fd int tree = open_source(g, &null, e);
	const char *source;

	if (tree < 0 || place_source(g, tree, &source, e) < 0)
		return -1;
	add(g, criu_null_device, source);
	return 0;
}

/* criu shall find the root as it is without them. It binds the root, and asks for no attributes. */
static int clear_root(struct stage *g, struct err *e)
{
	struct mount_attr own = {
		.attr_set = g->plan->rootfs_readonly ? MOUNT_ATTR_RDONLY : 0,
	};

	auto_close_fd(&g->root);
	if (umount2(g->s->root, MNT_DETACH) < 0 ||
	    mount(g->plan->rootfs, g->s->root, "", MS_BIND | MS_REC, NULL) < 0 ||
	    mount_setattr(AT_FDCWD, g->s->root, 0, &own, sizeof(own)) < 0)
		return err_sys(e, "mount the root file system on %s", g->s->root);
	return 0;
}

int criu_stage_enter(const struct plan *plan, const struct plan_external_list *externals,
		     const char *dir, const char *cgroup, int procfs, struct arena *a,
		     struct criu_stage *ret, struct err *e)
{
	struct stage g = {
		.plan = plan, .s = ret, .dir = dir, .cgroup = cgroup, .root = -1, .procfs = procfs,
		.a = a,
	};
	int result = -1;

	*ret = CRIU_STAGE_NONE;
	if (enter_namespace(ret, e) == 0 && make_floor(&g, e) == 0 && add_mounts(&g, e) == 0 &&
	    add_others(&g, externals, e) == 0 && add_below(&g, e) == 0 && add_null(&g, e) == 0 &&
	    clear_root(&g, e) == 0)
		result = 0;
	auto_close_fd(&g.root);
	return result;
}

int criu_stage_leave(struct criu_stage *s, struct err *e)
{
	int result = 0;

	if (s->home >= 0 && (setns(s->home, CLONE_NEWNS) < 0 || fchdir(s->cwd) < 0))
		result = err_sys(e, "leave criu's mount namespace");
	auto_close_fd(&s->home);
	auto_close_fd(&s->cwd);
	return result;
}
