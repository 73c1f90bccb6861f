/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/criu_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/mounts.h"
#include "base/sys.h"
#include "orlop/auto.h"

const char criu_null_device[] = "/dev/null";

enum { MOUNTS_MAX = 8 << 20 };

static bool is_mount_point(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static bool is_null_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* Where a descriptor of the container's tree is, as the container sees it. */
static const char *path_of(int fd, struct arena *a)
{
	char link[32], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path));
	return len > 0 && (size_t)len < sizeof(path) ? arena_strndup(a, path, (size_t)len) : NULL;
}

static void add(struct pair_list *list, const char *key, const char *value, struct arena *a)
{
	if (list->count % 16 == 0) {
		struct oci_pair *more = arena_new_array(a, struct oci_pair, list->count + 16);

		if (list->count)
			memcpy(more, list->items, list->count * sizeof(*more));
		list->items = more;
	}
	list->items[list->count++] = (struct oci_pair){ arena_strdup(a, key),
							arena_strdup(a, value) };
}

static bool has(const struct pair_list *list, const char *key)
{
	for (size_t n = 0; n < list->count; n++)
		if (!strcmp(list->items[n].key, key))
			return true;
	return false;
}

static int add_external(int root, const struct plan_external *x, struct arena *a,
			struct pair_list *ret, struct err *e)
{
	auto_fd int fd = sys_openat2(root, x->path, O_PATH, 0,
				     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	const char *path;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(e, "look for the mount at \"%s\"", x->path);
	if (!is_mount_point(fd) || (x->kind == PLAN_EXTERNAL_MASK && !is_null_device(fd)))
		return 0;
	path = path_of(fd, a);
	if (!path)
		return err_sys(e, "look for the mount at \"%s\"", x->path);
	if (!has(ret, path))
		add(ret, path, x->kind == PLAN_EXTERNAL_MASK ? criu_null_device : path, a);
	return 0;
}

/* Whether a file system is mounted somewhere here: then the container did not make it. */
static bool is_ours(const struct mounts *ours, const struct mount *m)
{
	for (size_t n = 0; n < ours->count; n++)
		if (!strcmp(ours->items[n].device, m->device))
			return true;
	return false;
}

static bool is_below_one(const struct pair_list *list, size_t count, const char *path)
{
	for (size_t n = 0; n < count; n++) {
		size_t len = strlen(list->items[n].key);

		if (!strncmp(path, list->items[n].key, len) && path[len] == '/')
			return true;
	}
	return false;
}

/* What came along with a recursive bind. */
static int add_below(pid_t pid, struct arena *a, struct pair_list *ret, struct err *e)
{
	struct mounts theirs, ours;
	size_t count = ret->count;

	if (mounts_of(pid, a, &theirs, e) < 0 || mounts_of(0, a, &ours, e) < 0)
		return -1;
	for (size_t n = 0; n < theirs.count; n++) {
		const struct mount *m = &theirs.items[n];

		if (is_below_one(ret, count, m->point) && !has(ret, m->point) && is_ours(&ours, m))
			add(ret, m->point, m->point, a);
	}
	return 0;
}

int criu_mounts_outside(pid_t pid, const struct plan_external_list *externals, struct arena *a,
			struct pair_list *ret, struct err *e)
{
	auto_fd int root = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, "%s", path);
	for (size_t n = 0; n < externals->count; n++)
		if (add_external(root, &externals->items[n], a, ret, e) < 0)
			return -1;
	return add_below(pid, a, ret, e);
}
