/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Copies in the overlay's upper directory that are the image's own. Who changes the
 * owner or the mode of a file has the overlay copy it, all of it unless it was told otherwise; the
 * first thing that many images do is to give what is theirs to a user. Only reading both tells
 * that from a change: times can be set back by who owns the file.
 *
 * It is read from the layers, where nobody is asked and nothing of the container is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "guard/code.h"
#include "orlop/auto.h"

enum { BLOCK = 128 * 1024, COPIES_MAX = 256 };

/* What was found out, because each process of a program has the same files. */
struct code_copies {
	struct mounts ours;		/* once there was something to compare */
	size_t count;
	struct {
		dev_t device;
		ino_t inode;
		bool is;
	} items[COPIES_MAX];
};

struct code_copies *code_copies_new(struct arena *a)
{
	return arena_new(a, struct code_copies);
}

int code_open_below(int dir, const char *path)
{
	return sys_openat2(dir, path, O_PATH | O_NOFOLLOW, 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

static bool has_mark(int fd)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return getxattr(self, "trusted.overlay.metacopy", NULL, 0) >= 0;
}

bool code_has_content(int fd, const struct stat *st)
{
	return S_ISREG(st->st_mode) && !has_mark(fd);
}

/* A server in user space or behind a network may never answer. */
bool code_is_local(const struct code_image *image, int fd)
{
	struct mounts *ours = &image->copies->ours;
	const struct mount *m;
	struct err ignored;
	struct statx st;

	if (!ours->items && mounts_of(0, image->arena, ours, &ignored) < 0)
		return false;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
		return false;
	m = mounts_find(ours, (long)st.stx_mnt_id);
	return m && mounts_is_local(m->type);
}

/* To read it without a trace, a file that was found by its place. */
static int open_again(int fd)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return open(self, O_RDONLY | O_NOATIME | O_NONBLOCK | O_CLOEXEC);
}

int code_open_lower(const struct code_image *image, const char *path, struct stat *ret)
{
	for (size_t i = 0; i < image->lowers.count; i++) {
		auto_fd int layer = open(image->lowers.items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (layer < 0 || !code_is_local(image, layer))
			return -1;
		auto_fd int fd = code_open_below(layer, path);

		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (fd < 0 || fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode))
			return -1;
		if (has_mark(fd))
			continue;
		return take_fd(&fd);
	}
	return -1;
}

static bool is_same(int one, int other)
{
	auto_arena scratch = ARENA_NONE;
	char *a = arena_new_array(&scratch, char, BLOCK);
	char *b = arena_new_array(&scratch, char, BLOCK);
	ssize_t len;

	do {
		len = fd_read_full(one, a, BLOCK);
		if (len < 0 || fd_read_full(other, b, BLOCK) != len ||
		    memcmp(a, b, (size_t)len) != 0)
			return false;
	} while (len == BLOCK);
	return true;
}

static bool compare(const struct code_image *image, int upper, off_t size, const char *path)
{
	struct stat st;
	auto_fd int lower = code_open_lower(image, path, &st);

	if (lower < 0 || size != st.st_size || !code_is_local(image, upper))
		return false;
	auto_fd int one = open_again(upper);
	auto_fd int other = open_again(lower);

	return one >= 0 && other >= 0 && is_same(one, other);
}

bool code_is_denied(const struct code_image *image, const struct stat *st)
{
	const struct code_copies *copies = image->copies;

	for (size_t i = 0; i < copies->count; i++)
		if (copies->items[i].device == st->st_dev && copies->items[i].inode == st->st_ino)
			return !copies->items[i].is;
	return false;
}

bool code_is_copy(const struct code_image *image, int fd, const struct stat *st, const char *path)
{
	struct code_copies *copies = image->copies;
	bool is;

	for (size_t i = 0; i < copies->count; i++)
		if (copies->items[i].device == st->st_dev && copies->items[i].inode == st->st_ino)
			return copies->items[i].is;
	is = compare(image, fd, st->st_size, path);
	if (copies->count < COPIES_MAX) {
		copies->items[copies->count].device = st->st_dev;
		copies->items[copies->count].inode = st->st_ino;
		copies->items[copies->count++].is = is;
	}
	return is;
}
