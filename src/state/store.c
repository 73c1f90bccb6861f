/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The directories of include/orlop/state.h: who may make one, who holds it and what
 * is read from it. How one goes away is in remove.c.
 *
 * Nothing here follows a symbolic link, waits for a FIFO or believes a file that somebody else
 * could have written.
 */
#include "state/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "orlop/auto.h"
#include "orlop/state.h"

enum {
	ID_MAX = 1024,
	QUOTED = 80,			/* bytes of an id in a message */
	CLAIM_LOCK_MS = 10000,
};

static const mode_t container_mode = 0711, condemned_mode = S_ISVTX | 0711;
static const int container_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool state_id_valid(const char *id)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.";
	size_t len = strspn(id, letters);

	return len > 0 && len <= ID_MAX && !id[len] && id[0] != '.';
}

int state_check_id(const char *id, struct err *e)
{
	if (!id || !*id)
		return err_set(e, ERR_USAGE, "container id cannot be empty");
	if (state_id_valid(id))
		return 0;
	err_set(e, ERR_USAGE, "invalid container ID format: \"%.*s\"", QUOTED, id);
	return err_hint(e, "it may have letters, digits, '_', '+', '-' and '.', which is not the first, "
			   "and at most %d of them", ID_MAX);
}

bool store_is_ours(const struct stat *st)
{
	uid_t us = (uid_t)getauxval(AT_EUID);

	return (st->st_uid == us || st->st_uid == 0) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* mkdir -p, 0700 for what is new. */
static int make_directories(const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, path, len + 1);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST && errno != EROFS)
			return -1;
		*p = '/';
	}
	return mkdir(part, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

int state_open_root(const char *path, bool make, struct err *e)
{
	static const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	auto_fd int fd = open(path, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT && make) {
		if (make_directories(path) < 0)
			return err_sys(e, "mkdir \"%.*s\"", QUOTED, path);
		fd = open(path, flags);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open \"%.*s\"", QUOTED, path);
	if (!store_is_ours(&st)) {
		err_set(e, ERR_POLICY, "\"%.*s\" is not private: uid %u, mode %04o", QUOTED, path,
			(unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
		return err_hint(e, "the directory of all containers has to belong to uid %u, and "
				"nobody else may write to it", (unsigned)getauxval(AT_EUID));
	}
	return take_fd(&fd);
}

/* Opens without following; ours, a directory. -1 and errno: EPERM when it is somebody else's. */
static int open_container(int root, const char *id)
{
	auto_fd int fd = openat(root, id, container_flags);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!store_is_ours(&st)) {
		errno = EPERM;
		return -1;
	}
	return take_fd(&fd);
}

static int lock(int dir, int kind, int timeout_ms, struct stat *ret, struct err *e)
{
	int64_t end = fd_now_ms() + timeout_ms;
	int pause_ms = 1;

	while (flock(dir, timeout_ms < 0 ? kind : kind | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_sys(e, "lock the container's state");
		if (fd_now_ms() + pause_ms > end)
			return STATE_BUSY;
		poll(NULL, 0, pause_ms);
		pause_ms = pause_ms < 10 ? pause_ms * 2 : pause_ms;
	}
	if (fstat(dir, ret) < 0)
		return err_sys(e, "stat the container's state");
	return ret->st_nlink == 0 ? STATE_ABSENT : 0;
}

/* 1 when nothing is in it, 0 when there is something, -1 and errno. Moves the descriptor. */
static int is_empty(int dir)
{
	_Alignas(struct dirent64) char bytes[1024];
	ssize_t n = getdents64(dir, bytes, sizeof(bytes));

	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *entry = (const void *)(bytes + at);

		at += entry->d_reclen;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return 0;
	}
	return n < 0 ? -1 : 1;
}

int state_claim(int root, const char *id, int *ret_fd, struct err *e)
{
	auto_fd int fd = -1;
	int locked, empty;
	struct stat st;

	if (mkdirat(root, id, container_mode) < 0) {
		if (errno == EEXIST)
			return STATE_EXISTS;
		return err_sys(e, "mkdir \"%.*s\" for the container's state", QUOTED, id);
	}
	/*
	 * Until the lock is ours the directory looks like what a killed create left, and a
	 * `delete` may take it away.
	 */
	fd = openat(root, id, container_flags);
	if (fd < 0 && errno != ENOENT) {
		err_sys(e, "open the state of \"%.*s\"", QUOTED, id);
		unlinkat(root, id, AT_REMOVEDIR);
		return -1;
	}
	locked = fd < 0 ? STATE_ABSENT : lock(fd, LOCK_EX, CLAIM_LOCK_MS, &st, e);
	if (locked == 0 && !store_is_ours(&st))
		locked = err_sys_code(e, EPERM, "open the state of \"%.*s\"", QUOTED, id);
	if (locked < 0) {
		unlinkat(root, id, AT_REMOVEDIR);
		return -1;
	}
	if (locked != 0)
		return err_set(e, ERR_STATE, "container \"%.*s\" was deleted while it was created",
			       QUOTED, id);
	/*
	 * That delete may have come before we opened it, and another create after it: then this is
	 * the other's directory, and whoever locks it first has it.
	 */
	empty = is_empty(fd);
	if (empty < 0) {
		err_sys(e, "read the state of \"%.*s\"", QUOTED, id);
		unlinkat(root, id, AT_REMOVEDIR);	/* only while nothing is in it */
		return -1;
	}
	if (!empty)
		return STATE_EXISTS;
	*ret_fd = take_fd(&fd);
	return 0;
}

int state_open(int root, const char *id, int *ret_fd, struct err *e)
{
	int fd = open_container(root, id);

	if (fd < 0) {
		if (errno == ENOENT || errno == ENAMETOOLONG)
			return STATE_ABSENT;
		return err_sys(e, "open the state of \"%.*s\"", QUOTED, id);
	}
	*ret_fd = fd;
	return 0;
}

int state_lock(int dir, int timeout_ms, struct err *e)
{
	struct stat st;

	return lock(dir, LOCK_EX, timeout_ms, &st, e);
}

int state_lock_shared(int dir, int timeout_ms, struct err *e)
{
	struct stat st;

	return lock(dir, LOCK_SH, timeout_ms, &st, e);
}

void state_unlock(int dir)
{
	flock(dir, LOCK_UN);
}

int state_condemn(int dir, struct err *e)
{
	if (fchmod(dir, condemned_mode) < 0)
		return err_sys(e, "mark the container's state as condemned");
	return 0;
}

bool state_condemned(int dir)
{
	struct stat st;

	return fstat(dir, &st) < 0 || st.st_nlink == 0 || (st.st_mode & S_ISVTX);
}

char *state_read_file(int dir, const char *name, size_t max, struct arena *a, size_t *ret_len)
{
	auto_fd int fd = file_open(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t size;
	char *bytes;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	size = (size_t)st.st_size;
	if (!S_ISREG(st.st_mode) || !store_is_ours(&st)) {
		errno = EPERM;
		return NULL;
	}
	if (st.st_size < 0 || size > max) {
		errno = EFBIG;
		return NULL;
	}
	/* Files are replaced, never extended: what was their size is all of them. */
	bytes = arena_alloc(a, size + 1);
	n = fd_read_full(fd, bytes, size);
	if (n < 0)
		return NULL;
	bytes[n] = '\0';
	*ret_len = (size_t)n;
	return bytes;
}

int state_drop_record(int dir, struct err *e)
{
	if (unlinkat(dir, "state.json", 0) == 0)
		return 0;
	return errno == ENOENT ? STATE_ABSENT : err_sys(e, "remove the container's state.json");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int state_list(int root, struct arena *a, struct str_list *ret, struct err *e)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct str_list list = { 0 };
	const struct dirent *entry;
	size_t room = 0;

	if (!d) {
		auto_close_fd(&fd);
		return err_sys(e, "read the directory of all containers");
	}
	while (errno = 0, (entry = readdir(d))) {
		if (!state_id_valid(entry->d_name) ||
		    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		if (list.count == room) {
			char **more;

			room = room ? room * 2 : 64;
			more = arena_new_array(a, char *, room);
			if (list.count)
				memcpy(more, list.items, list.count * sizeof(*more));
			list.items = more;
		}
		list.items[list.count++] = arena_strdup(a, entry->d_name);
	}
	if (errno)
		return err_sys(e, "read the directory of all containers");
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), by_name);
	*ret = list;
	return 0;
}
