/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. See path.h. Nothing here follows a link on its own: the kernel resolves every prefix
 * anew, in the root.
 */
#include "child/path.h"

#include "child/bytes.h"

enum { LINKS_MAX = 40 };	/* as the kernel's own limit */

static const uint64_t in_root = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

int path_open(int root, const char *path, uint64_t flags)
{
	return sys_openat2(root, path, O_PATH | flags, in_root);
}

/*
 * Replaces the component path[start..end), a link in directory `dir`, by what it says: absolute
 * targets begin at the root, relative ones where the link stands.
 */
static int substitute(int dir, char *path, size_t start, size_t end)
{
	char target[PATH_ROOM], rest[PATH_ROOM];
	size_t tail = strlen(path + end), at;
	long len;

	path[end] = path[end] ? '\0' : path[end];
	len = SYS(readlinkat, dir, path + start, target, sizeof(target));
	if (tail)
		path[end] = '/';
	if (len < 0)
		return (int)len;
	memcpy(rest, path + end, tail + 1);
	at = target[0] == '/' ? 0 : start;
	if (at + (size_t)len + tail + 1 > PATH_ROOM)
		return -ENAMETOOLONG;
	memcpy(path + at, target, (size_t)len);
	memcpy(path + at + len, rest, tail + 1);
	return 0;
}

/* Makes one missing component in `dir`. -EEXIST: something is there, perhaps a dangling link. */
static int make_one(int dir, const char *name, bool file)
{
	if (file)
		return (int)SYS(mknodat, dir, name, S_IFREG | 0644, 0);
	return (int)SYS(mkdirat, dir, name, 0755);
}

/*
 * Walks the path from its first component, making what is missing. `path` is the caller's buffer
 * and changes when links are followed.
 */
static int walk(int root, char *path, bool file)
{
	size_t start = 0, end;
	unsigned links = 0;
	int dir = (int)SYS(fcntl, root, F_DUPFD_CLOEXEC, 3);

	while (dir >= 0) {
		bool last;
		char keep;
		int fd, error;

		while (path[start] == '/')
			start++;
		if (!path[start])
			return dir;
		for (end = start; path[end] && path[end] != '/'; end++)
			;
		for (size_t n = end;; n++) {
			last = !path[n];
			if (path[n] != '/')
				break;
		}
		keep = path[end];
		path[end] = '\0';
		fd = path_open(root, path, 0);
		error = fd;
		if (fd == -ENOENT) {
			error = make_one(dir, path + start, last && file);
			if (error == 0 || error == -EEXIST)
				error = fd = path_open(root, path, 0);
		}
		if (error == -ENOENT && ++links <= LINKS_MAX) {	/* a dangling link */
			path[end] = keep;
			error = substitute(dir, path, start, end);
			sys_close(dir);
			if (error < 0)
				return error;
			start = 0;
			dir = (int)SYS(fcntl, root, F_DUPFD_CLOEXEC, 3);
			continue;
		}
		path[end] = keep;
		sys_close(dir);
		dir = fd;
		if (fd < 0)
			return error == -ENOENT ? -ELOOP : error;
		start = end;
	}
	return dir;
}

int path_make(int root, const char *path, bool file)
{
	char room[PATH_ROOM];
	size_t len = strlen(path);
	int fd = path_open(root, path, 0);

	if (fd != -ENOENT)
		return fd;
	if (len >= sizeof(room))
		return -ENAMETOOLONG;
	memcpy(room, path, len + 1);
	return walk(root, room, file);
}

int path_make_last(int root, const char *path, bool file)
{
	const uint64_t plain = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
	char room[PATH_ROOM];
	size_t len = strlen(path), slash;
	int dir, error;

	for (slash = len; slash > 0 && path[slash - 1] != '/'; slash--)
		;
	if (slash <= 1 || slash == len || len >= sizeof(room) || bytes_equal(path + slash, ".."))
		return -ELOOP;
	memcpy(room, path, slash);
	room[slash] = '\0';
	dir = sys_openat2(root, room, O_PATH | O_DIRECTORY, plain);
	if (dir < 0)
		return dir;
	error = make_one(dir, path + slash, file);
	if (error >= 0)
		error = sys_openat2(dir, path + slash, O_PATH | O_NOFOLLOW,
				    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	else if (error == -EEXIST)		/* a dangling link */
		error = -ELOOP;
	return error;
}

int path_copy_link(int from, const char *name, int dir, const char *as)
{
	char target[PATH_ROOM], there[PATH_ROOM];
	long len = SYS(readlinkat, from, name, target, sizeof(target) - 1);
	long error = len;

	if (len < 0)
		return (int)len;
	target[len] = '\0';
	error = SYS(symlinkat, target, dir, as);
	if (error != -EEXIST)
		return (int)error;
	len = SYS(readlinkat, dir, as, there, sizeof(there) - 1);
	if (len < 0)
		return (int)error;
	there[len] = '\0';
	return bytes_equal(target, there) ? 0 : (int)error;
}

int path_make_parent(int root, const char *path, char *room, const char **name)
{
	size_t len = strlen(path), slash;
	char *last;

	if (len >= PATH_ROOM - 1)
		return -ENAMETOOLONG;
	room[0] = '/';
	memcpy(room + 1, path, len + 1);
	for (len++; len > 1 && room[len - 1] == '/'; len--)
		room[len - 1] = '\0';
	for (slash = len; slash > 0 && room[slash - 1] != '/'; slash--)
		;
	last = room + slash;
	if (!*last || bytes_equal(last, ".") || bytes_equal(last, ".."))
		return -EISDIR;
	room[slash - 1] = '\0';
	*name = last;
	return path_make(root, slash > 1 ? room : "/", false);
}
