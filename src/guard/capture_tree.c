/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A directory tree as a tar in the set: what overlayfs put into an upper directory,
 * whiteouts (character device 0:0) and extended attributes included, or a temporary file system.
 *
 * A tar says the size of each member before its bytes, and the set's tar that of the whole. So
 * the tree is walked first and copied afterwards; a file that changed in between is cut or filled
 * with zeros, and said to be. Nothing is followed, nothing on another device is entered, access
 * times stay.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "guard/capture.h"
#include "guard/tar.h"
#include "json/emit.h"
#include "orlop/auto.h"

enum {
	DEPTH_MAX = 256,
	MEMBERS_MAX = 1000000,
	TOLD_MAX = 20000,
	XATTR_MAX = 64 * 1024,
};

/* A file with more holes than this is not copied: its zeros would fill the disk. */
static const uint64_t sparse_from = UINT64_C(256) << 20;

struct member {
	const char *head;		/* its header, or headers */
	size_t head_len;
	const char *path;
	uint64_t size;			/* of what follows */
	ino_t inode;
};

struct tree {
	struct capture *c;
	struct arena *arena;
	const char *where;		/* for problems */
	dev_t device;
	struct member *items;
	size_t count, room;
	uint64_t size;
	struct emit *list;
	size_t told;
};

static void add_attributes(int dir, const char *name, struct text *records)
{
	char path[300], names[XATTR_MAX], value[XATTR_MAX];
	ssize_t len;

	if (snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name) >= (int)sizeof(path))
		return;
	len = llistxattr(path, names, sizeof(names));
	for (const char *at = names; len > 0 && at < names + len; at += strlen(at) + 1) {
		ssize_t n = lgetxattr(path, at, value, sizeof(value));
		char key[300];

		if (n < 0 || snprintf(key, sizeof(key), "SCHILY.xattr.%s", at) >= (int)sizeof(key))
			continue;
		tar_record(records, key, value, (size_t)n);
	}
}

static const char *kind_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "link";
	case S_IFCHR:
		return st->st_rdev == 0 ? "deleted" : "device";
	case S_IFBLK:
		return "device";
	case S_IFIFO:
		return "fifo";
	default:
		return "socket";
	}
}

static char type_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return '5';
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFIFO:
		return '6';
	default:
		return '0';
	}
}

static void tell(struct tree *t, const char *path, const struct stat *st)
{
	if (!t->list || t->told++ >= TOLD_MAX)
		return;
	emit_object(t->list, NULL);
	emit_str(t->list, "path", path);
	emit_str(t->list, "kind", kind_of(st));
	emit_u64(t->list, "size", (uint64_t)st->st_size);
	emit_u64(t->list, "mode", st->st_mode & 07777);
	emit_u64(t->list, "uid", st->st_uid);
	emit_i64(t->list, "modified", st->st_mtim.tv_sec);
	emit_i64(t->list, "changed", st->st_ctim.tv_sec);
	emit_end(t->list);
}

static struct member *new_member(struct tree *t)
{
	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct member *items = arena_new_array(t->arena, struct member, room);

		if (t->count)
			memcpy(items, t->items, t->count * sizeof(*items));
		t->items = items;
		t->room = room;
	}
	return &t->items[t->count++];
}

static bool is_too_sparse(const struct stat *st)
{
	return (uint64_t)st->st_size > sparse_from &&
	       (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size / 8;
}

static void add_member(struct tree *t, int dir, const char *name, const char *path,
		       const struct stat *st)
{
	struct text head = TEXT_IN(t->arena), records = TEXT_IN(t->arena);
	char target[4096];
	struct member *m;
	struct tar_member tar = {
		.path = path, .type = type_of(st), .mode = st->st_mode & 07777,
		.uid = st->st_uid, .gid = st->st_gid,
		.mtime = st->st_mtim.tv_sec, .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.major = major(st->st_rdev), .minor = minor(st->st_rdev),
	};

	if (S_ISREG(st->st_mode) && !is_too_sparse(st))
		tar.size = (uint64_t)st->st_size;
	else if (S_ISREG(st->st_mode))
		capture_problem(t->c, arena_printf(t->c->arena, "%s/%s", t->where, path),
				"its %lld bytes are mostly holes: only the name is kept",
				(long long)st->st_size);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		tar.link = target;
	}
	if (S_ISDIR(st->st_mode))
		tar.path = arena_printf(t->arena, "%s/", path);
	add_attributes(dir, name, &records);
	tar.records = records.bytes;
	tar.records_len = records.len;
	tar_head(&head, &tar);
	m = new_member(t);
	*m = (struct member){ head.bytes, head.len, path, tar.size, st->st_ino };
	t->size += head.len + tar.size + tar_pad(tar.size);
	tell(t, path, st);
}

static void walk(struct tree *t, int dir, const char *prefix, unsigned depth)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME);
	auto_dir DIR *listing = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	if (!listing)
		capture_problem(t->c, arena_printf(t->c->arena, "%s/%s", t->where, prefix), "%s",
				err_errno_text(errno));
	while (listing && (entry = readdir(listing)) && !sink_is_over(t->c->sink)) {
		const char *name = entry->d_name, *path;
		struct stat st;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		path = arena_printf(t->arena, "%s%s%s", prefix, *prefix ? "/" : "", name);
		if (t->count == MEMBERS_MAX) {
			capture_problem(t->c, t->where, "more than %d files", MEMBERS_MAX);
			return;
		}
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			capture_problem(t->c, arena_printf(t->c->arena, "%s/%s", t->where, path),
					"%s", err_errno_text(errno));
			continue;
		}
		/* A mount: temporary file systems are looked at by themselves, volumes are not. */
		if (st.st_dev != t->device)
			continue;
		/* A socket is in no archive; a row of the list says that it was there. */
		if (S_ISSOCK(st.st_mode)) {
			tell(t, path, &st);
			continue;
		}
		add_member(t, dir, name, path, &st);
		if (!S_ISDIR(st.st_mode))
			continue;
		auto_fd int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					   O_CLOEXEC | O_NOATIME);
		if (below < 0 || depth == DEPTH_MAX)
			capture_problem(t->c, arena_printf(t->c->arena, "%s/%s", t->where, path),
					"%s", below < 0 ? err_errno_text(errno) : "it is too deep");
		else
			walk(t, below, path, depth + 1);
	}
}

/* Opens a member again, a name at a time: its path may be longer than the kernel takes. */
static int open_member(int dir, const char *path)
{
	int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);

	while (at >= 0) {
		size_t len = strcspn(path, "/");
		char name[256];
		int next;

		if (len >= sizeof(name))
			break;
		memcpy(name, path, len);
		name[len] = '\0';
		next = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
			      O_NOATIME | (path[len] ? O_DIRECTORY : 0));
		close(at);
		at = next;
		if (!path[len])
			return at;
		path += len + 1;
	}
	auto_close_fd(&at);
	return -1;
}

/* Exactly as many bytes as were promised. */
static int copy_member(struct tree *t, int dir, const struct member *m, struct err *e)
{
	auto_fd int fd = m->size ? open_member(dir, m->path) : -1;
	bool same = false;
	struct stat st;
	int code = 0;

	if (m->size)
		same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		       st.st_ino == m->inode;
	for (uint64_t left = m->size; left > 0 && code == 0;) {
		char *buffer = sink_buffer(t->c->sink);
		size_t len = left < SINK_CHUNK ? (size_t)left : SINK_CHUNK;
		ssize_t n = same ? fd_read_full(fd, buffer, len) : 0;

		if (n < (ssize_t)len) {
			n = n > 0 ? n : 0;
			memset(buffer + n, 0, len - (size_t)n);
			capture_problem(t->c, arena_printf(t->c->arena, "%s/%s", t->where, m->path),
					"it changed or could not be read: zeros from byte %llu",
					(unsigned long long)(m->size - left + (uint64_t)n));
			same = false;
		}
		code = sink_write(t->c->sink, buffer, len, e);
		left -= len;
	}
	return code;
}

static int copy(struct tree *t, int dir, struct err *e)
{
	static const char zeros[2 * TAR_BLOCK];
	int code = 0;

	for (size_t i = 0; i < t->count && code == 0; i++) {
		const struct member *m = &t->items[i];

		code = sink_write(t->c->sink, m->head, m->head_len, e);
		if (code == 0)
			code = copy_member(t, dir, m, e);
		if (code == 0 && tar_pad(m->size))
			code = sink_write(t->c->sink, zeros, tar_pad(m->size), e);
	}
	return code ? code : sink_write(t->c->sink, zeros, sizeof(zeros), e);
}

int capture_tree(struct capture *c, int dir, const char *path, const char *whence,
		 const char *consistency, struct emit *list, struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	struct tree t = { .c = c, .arena = &scratch, .where = whence, .list = list };
	struct stat st;
	int code;

	if (fstat(dir, &st) < 0)
		return err_sys(e, "%s", whence);
	t.device = st.st_dev;
	walk(&t, dir, "", 0);
	if (sink_is_over(c->sink))
		return SINK_STOPPED;
	if (list && t.told > TOLD_MAX)
		capture_problem(c, whence, "only %d of %zu files are in the list; the tar has all",
				TOLD_MAX, t.told);
	code = sink_begin(c->sink, path, t.size + (uint64_t)2 * TAR_BLOCK, consistency, whence, e);
	if (code != 0)
		return code;
	code = copy(&t, dir, e);
	if (code < 0)
		return -1;
	return sink_end(c->sink, NULL, e) < 0 ? -1 : code;
}
