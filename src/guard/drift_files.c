/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Files that lie in the overlay's upper directory to be run, while nobody does. The
 * directory is walked, not the container's root: nothing is followed, no mount is entered, and of
 * a file nothing but its attributes is read, unless the image has one of the same size in its place
 * to compare it with.
 *
 * The container says how much there is to walk. So there is an end to it, in number and in time;
 * where it is reached nobody may say that there is nothing.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "guard/drift.h"
#include "orlop/auto.h"

enum {
	ENTRIES_MAX = 200000,
	DEPTH_MAX = 128,
	WALK_MS = 1000,
	COMPARE_MS = 250,	/* for files that are notes */
	KEPT_MAX = 4096,
	NOTES_MAX = 256,
	CAPABILITY_MAX = 64,	/* bytes; the largest has 24 */
};

static const char capability_is[] = "security.capability";

struct capability {
	char bytes[CAPABILITY_MAX];
	ssize_t len;		/* as of getxattr */
};

struct walk {
	const struct code_image *image;
	struct drift *d;
	struct arena *scratch;
	int64_t end;
	size_t entries;
	bool over;
	size_t unread;			/* that could not be looked at */
	int why;			/* errno of the first of them */
	const char **kept;		/* executable files that give no privilege */
	size_t kept_count, not_kept;
	char path[PATH_MAX];		/* of what is looked at, below the upper directory */
};

static void miss(struct walk *w, int code)
{
	/* It went meanwhile. */
	if (code == ENOENT)
		return;
	if (w->unread++ == 0)
		w->why = code;
}

static void find(struct walk *w, enum drift_kind kind, const char *path, const char *detail)
{
	struct arena *a = w->image->arena;

	struct drift_finding f = { .kind = kind, .path = arena_printf(a, "/%s", path),
				   .detail = detail };

	code_find(a, w->d, &f);
}

/* ---- what gives privileges --------------------------------------------------------------- */

static struct capability capability_at(int dir, const char *name)
{
	struct capability ret;
	char path[32 + NAME_MAX + 1];

	/* "name": of a file that is open itself "". */
	snprintf(path, sizeof(path), "/proc/self/fd/%d%s%s", dir, *name ? "/" : "", name);
	ret.len = *name ? lgetxattr(path, capability_is, ret.bytes, sizeof(ret.bytes))
			: getxattr(path, capability_is, ret.bytes, sizeof(ret.bytes));
	return ret;
}

static mode_t set_ids(const struct stat *st)
{
	/* Without the right to execute for the group it once was a kind of lock. */
	return st->st_mode & (S_ISUID | (st->st_mode & S_IXGRP ? S_ISGID : 0u));
}

/* Only its attributes are here, and it was another file's content that was given the name. */
static bool is_moved(int fd)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return getxattr(self, "trusted.overlay.redirect", NULL, 0) >= 0;
}

/*
 * What programs give themselves when they start, as Vault and Consul do: none is power over files,
 * processes or users that are not one's own.
 */
static bool is_of_services(const struct capability *c)
{
	static const uint32_t usual = 1u << CAP_NET_BIND_SERVICE | 1u << CAP_NET_RAW |
				      1u << CAP_IPC_LOCK | 1u << CAP_SYS_NICE;
	struct vfs_ns_cap_data data = { 0 };

	if (c->len != XATTR_CAPS_SZ_2 && c->len != XATTR_CAPS_SZ_3)
		return false;
	memcpy(&data, c->bytes, (size_t)c->len);
	return !((le32toh(data.data[0].permitted) | le32toh(data.data[0].inheritable)) & ~usual) &&
	       !data.data[1].permitted && !data.data[1].inheritable;
}

static bool is_equal(const struct capability *a, const struct capability *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, (size_t)a->len) == 0;
}

/*
 * What a file that gives privileges is. DRIFT_KIND_COUNT_: the image has the same content under
 * this path with no less privilege.
 */
static enum drift_kind kind_of(const struct walk *w, int fd, const struct stat *st)
{
	struct stat lower_st;
	struct capability ours = capability_at(fd, ""), theirs;
	auto_fd int lower = code_open_lower(w->image, w->path, &lower_st);
	bool set = set_ids(st) != 0;

	if (lower < 0 ||
	    !(code_has_content(fd, st) ? code_is_copy(w->image, fd, st, w->path) : !is_moved(fd)))
		return DRIFT_SETUID;
	if (set && (lower_st.st_uid != st->st_uid || lower_st.st_gid != st->st_gid ||
		    set_ids(st) & ~set_ids(&lower_st)))
		return DRIFT_SETUID;
	theirs = capability_at(lower, "");
	if (ours.len <= 0 || is_equal(&ours, &theirs))
		return DRIFT_KIND_COUNT_;
	return is_of_services(&ours) ? DRIFT_CAPABLE : DRIFT_SETUID;
}

static void look_at_privileged(struct walk *w, bool capable)
{
	enum drift_kind kind;
	struct stat st;
	auto_fd int fd = code_open_below(w->image->upper, w->path);

	if (fd < 0 || fstat(fd, &st) < 0) {
		miss(w, errno);
		return;
	}
	kind = kind_of(w, fd, &st);
	if (kind == DRIFT_KIND_COUNT_)
		return;
	find(w, kind, w->path,
	     arena_printf(w->image->arena, "%s%s%sin the writable layer, mode %04o, owner %u:%u",
			  st.st_mode & S_ISUID ? "set-user-ID, " : "",
			  set_ids(&st) & S_ISGID ? "set-group-ID, " : "",
			  capable ? "with capabilities, " : "",
			  (unsigned)st.st_mode & 07777, st.st_uid, st.st_gid));
}

/* ---- the walk ---------------------------------------------------------------------------- */

static void keep(struct walk *w)
{
	if (w->kept_count == KEPT_MAX) {
		w->not_kept++;
		return;
	}
	if (!w->kept)
		w->kept = arena_new_array(w->scratch, const char *, KEPT_MAX);
	w->kept[w->kept_count++] = arena_strdup(w->scratch, w->path);
}

static void look_at_file(struct walk *w, int dir, const char *name, const struct stat *st)
{
	bool capable;

	/* A process runs it, and it was told of. */
	if (!(st->st_mode & 0111) || code_is_denied(w->image, st))
		return;
	capable = capability_at(dir, name).len > 0;
	if (set_ids(st) || capable)
		look_at_privileged(w, capable);
	else
		keep(w);
}

static void walk(struct walk *w, int dir, size_t len, unsigned depth);

static void walk_below(struct walk *w, int dir, const char *name, size_t len, unsigned depth)
{
	auto_fd int below = sys_openat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME,
					0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

	/* Another file system is none of the container's layers. */
	if (below < 0 && errno != EXDEV)
		miss(w, errno);
	else if (below >= 0 && depth == DEPTH_MAX)
		miss(w, ELOOP);
	else if (below >= 0)
		walk(w, take_fd(&below), len, depth + 1);
}

static void look_at_entry(struct walk *w, int dir, const struct dirent *entry, size_t len,
			  unsigned depth)
{
	const char *name = entry->d_name;
	size_t name_len = strlen(name), at = len + (len > 0);
	struct stat st;

	/* Whiteouts, links and devices. */
	if (entry->d_type != DT_REG && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
		return;
	if (at + name_len >= sizeof(w->path)) {
		miss(w, ENAMETOOLONG);
		return;
	}
	if (len)
		w->path[len] = '/';
	memcpy(w->path + at, name, name_len + 1);
	if (entry->d_type == DT_DIR) {
		walk_below(w, dir, name, at + name_len, depth);
	} else if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		miss(w, errno);
	} else if (S_ISREG(st.st_mode)) {
		look_at_file(w, dir, name, &st);
	} else if (S_ISDIR(st.st_mode)) {
		walk_below(w, dir, name, at + name_len, depth);
	}
}

/* Closes `dir`. */
static void walk(struct walk *w, int dir, size_t len, unsigned depth)
{
	auto_dir DIR *listing = fdopendir(dir);
	struct dirent *entry;

	if (!listing) {
		miss(w, errno);
		close(dir);
	}
	for (errno = 0; listing && (entry = readdir(listing)); errno = 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (w->over || w->entries++ == ENTRIES_MAX || fd_now_ms() > w->end) {
			w->over = true;
			return;
		}
		look_at_entry(w, dirfd(listing), entry, len, depth);
	}
	if (listing && errno)
		miss(w, errno);
}

/* ---- the other executable files ---------------------------------------------------------- */

/* True when it is one that the image does not have so. */
static bool is_added(struct walk *w, const char *path, bool compared)
{
	struct stat st;
	auto_fd int fd = code_open_below(w->image->upper, path);

	if (fd < 0 || fstat(fd, &st) < 0) {
		miss(w, errno);
		return false;
	}
	/* The first name of a file with several was told. */
	if (code_is_denied(w->image, &st) || !code_has_content(fd, &st))
		return false;
	return !compared || !code_is_copy(w->image, fd, &st, path);
}

static void look_at_kept(struct walk *w)
{
	static const char judged[] = "in the writable layer, not run now: added, or changed since "
		"the image";
	static const char unjudged[] = "in the writable layer, not run now: not compared with the "
		"image, which takes too long";
	int64_t end = fd_now_ms() + COMPARE_MS;
	size_t notes = 0;

	for (size_t i = 0; i < w->kept_count; i++) {
		bool compared = fd_now_ms() <= end;

		if (notes == NOTES_MAX) {
			w->not_kept += w->kept_count - i;
			break;
		}
		if (!is_added(w, w->kept[i], compared))
			continue;
		notes++;
		find(w, DRIFT_EXECUTABLE, w->kept[i], compared ? judged : unjudged);
	}
	w->d->more_notes += w->not_kept;
}

void drift_files(const struct code_image *image, struct drift *d)
{
	auto_arena scratch = ARENA_NONE;
	struct walk *w;
	int dir;

	if (image->upper < 0)
		return;
	if (!code_is_local(image, image->upper)) {
		code_tell(image->arena, &d->untold, "the overlay's upper directory is on no local "
			  "file system: files that nobody runs are not looked at");
		return;
	}
	w = arena_new(&scratch, struct walk);
	*w = (struct walk){ .image = image, .d = d, .scratch = &scratch,
			    .end = fd_now_ms() + WALK_MS };
	dir = openat(image->upper, ".", O_RDONLY | O_DIRECTORY | O_NOATIME | O_CLOEXEC);
	if (dir < 0)
		miss(w, errno);
	else
		walk(w, dir, 0, 0);
	look_at_kept(w);
	if (w->over)
		code_tell(image->arena, &d->untold, "the writable layer: after %zu entries there are "
			  "more that were not looked at", w->entries - 1);
	if (w->unread)
		code_tell(image->arena, &d->untold, "the writable layer: %zu entries could not be "
			  "looked at; the first: %s", w->unread, err_errno_text(w->why));
}
