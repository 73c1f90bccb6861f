/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. How a container's directory goes away, whatever is in it and whoever else is at it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orlop/auto.h"
#include "orlop/state.h"
#include "state/store.h"

enum {
	QUOTED = 80,			/* bytes of an id in a message */
	REMOVE_DEPTH = 32,
	REMOVE_ROUNDS = 16,
};

static int remove_contents(int dir, unsigned depth);

static int remove_entry(int dir, const char *name, unsigned depth)
{
	auto_fd int sub = -1;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return errno == ENOENT ? 0 : -1;
	if (depth == 0) {
		errno = ELOOP;
		return -1;
	}
	if (remove_contents(sub, depth - 1) < 0)
		return -1;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return -1;
	return 0;
}

/* Empties a directory. Entries that appear or are overlooked meanwhile may be left. */
static int remove_contents(int dir, unsigned depth)
{
	_Alignas(struct dirent64) char bytes[4096];
	ssize_t n;

	while ((n = getdents64(dir, bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(bytes + at);

			at += entry->d_reclen;
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			if (remove_entry(dir, entry->d_name, depth) < 0)
				return -1;
		}
	}
	return n < 0 && errno != ENOENT ? -1 : 0;	/* ENOENT: the directory itself is gone */
}

/* 1 when the name does not stand for this directory (any more), 0 when it does, -1 and errno. */
static int is_renamed(int root, int dir, const char *id)
{
	struct stat here, named;

	if (fstat(dir, &here) < 0)
		return -1;
	if (here.st_nlink == 0)
		return 1;
	if (fstatat(root, id, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 1 : -1;
	return here.st_dev != named.st_dev || here.st_ino != named.st_ino;
}

/* Removes what is no directory, or is not ours and empty: something planted under the name. */
static int remove_planted(int root, const char *id)
{
	struct stat st;

	if (fstatat(root, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENAMETOOLONG ? 0 : -1;
	if (S_ISDIR(st.st_mode) && store_is_ours(&st)) {
		errno = EPERM;	/* a container after all: what runs in it would be lost */
		return -1;
	}
	return remove_entry(root, id, REMOVE_DEPTH);
}

/* 0 when the name is gone or another's, 1 when the directory is not empty, -1 and errno. */
static int remove_empty(int root, int dir, const char *id)
{
	int gone = is_renamed(root, dir, id);

	if (gone != 0)
		return gone < 0 ? -1 : 0;
	if (unlinkat(root, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return errno == ENOTEMPTY || errno == EEXIST ? 1 : -1;
}

static int remove_directory(int root, int dir, const char *id)
{
	/* What nearly every container has; with these gone there is mostly nothing to list. */
	static const char *const usual[] = { "cgroup", "config.json" };
	int gone;

	/*
	 * The record goes first: what a crash leaves of the rest is then what a create that was
	 * killed leaves. A create that goes on in a condemned directory may add a file while we
	 * are at it, hence the rounds.
	 */
	if (unlinkat(dir, "state.json", 0) < 0 && errno != ENOENT && errno != EISDIR &&
	    errno != EPERM)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		unlinkat(dir, usual[i], 0);
	gone = remove_empty(root, dir, id);
	if (gone <= 0)
		return gone;
	for (int i = 0; i < REMOVE_ROUNDS; i++) {
		auto_fd int list = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (list < 0)
			return errno == ENOENT ? 0 : -1;
		if (remove_contents(list, REMOVE_DEPTH) < 0)
			return -1;
		gone = remove_empty(root, dir, id);
		if (gone <= 0)
			return gone;
	}
	return -1;
}

int state_remove(int root, int dir, const char *id, struct err *e)
{
	int result = dir < 0 ? remove_planted(root, id) : remove_directory(root, dir, id);

	if (result < 0)
		return err_sys(e, "remove the state of \"%.*s\"", QUOTED, id);
	return 0;
}
