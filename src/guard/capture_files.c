/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Files: what is open and has no name any more, temporary file systems, and the upper
 * directory of the root's overlay, found in the options of its mount.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/sys.h"
#include "guard/capture.h"
#include "base/mounts.h"
#include "json/emit.h"
#include "orlop/auto.h"

enum { OPEN_FILES_MAX = 4096, MOUNTINFO_MAX = 16 * 1024 * 1024 };

static const struct capture_process *first_process(const struct capture *c)
{
	for (size_t i = 0; i < c->process_count; i++)
		if (c->processes[i].proc >= 0 && c->known &&
		    c->processes[i].pid == c->record.pid)
			return &c->processes[i];
	for (size_t i = 0; i < c->process_count; i++)
		if (c->processes[i].proc >= 0)
			return &c->processes[i];
	return NULL;
}

static struct mounts own_mounts(struct capture *c, const struct capture_process *p,
				struct arena *a)
{
	return mounts_read(capture_read(c, p->proc, "mountinfo", a, NULL), a);
}

/* ---- copies ------------------------------------------------------------------------------ */

int capture_copy(struct capture *c, int fd, uint64_t size, const char *path,
		 const char *consistency, const char *source, struct err *e)
{
	uint64_t left = size;
	const char *why = NULL;
	int code = sink_begin(c->sink, path, size, consistency, source, e);

	if (code != 0)
		return code;
	while (left > 0 && code == 0) {
		char *buffer = sink_buffer(c->sink);
		size_t len = left < SINK_CHUNK ? (size_t)left : SINK_CHUNK;
		/* The position belongs to the container's descriptor: it is not moved. */
		ssize_t n = pread(fd, buffer, len, (off_t)(size - left));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			why = n < 0 ? err_errno_text(errno) : "it became shorter";
			break;
		}
		code = sink_write(c->sink, buffer, (size_t)n, e);
		left -= (uint64_t)n;
	}
	if (code < 0)
		return -1;
	if (why)
		capture_problem(c, path, "%s", why);
	return sink_end(c->sink, why, e) < 0 ? -1 : code;
}

/* ---- open, without a name ---------------------------------------------------------------- */

static bool is_nameless(const char *target)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(target);

	if (strncmp(target, "/memfd:", 7) == 0)
		return true;
	return target[0] == '/' && len > sizeof(deleted) &&
	       strcmp(target + len - strlen(deleted), deleted) == 0;
}

/* Whether it can be opened without anybody in user space having to answer. */
static bool is_answered(struct capture *c, const struct capture_process *p, const char *name,
			const char *target, const struct mounts *mounts, struct arena *a)
{
	char path[64];
	const char *info, *line;
	const struct mount *mount;

	if (strncmp(target, "/memfd:", 7) == 0)
		return true;
	snprintf(path, sizeof(path), "fdinfo/%.40s", name);
	info = capture_read(c, p->proc, path, a, NULL);
	line = info ? strstr(info, "mnt_id:") : NULL;
	if (!line)
		return false;
	mount = mounts_find(mounts, strtol(line + strlen("mnt_id:"), NULL, 10));
	return mount && mounts_is_local(mount->type);
}

struct seen {
	struct {
		dev_t device;
		ino_t inode;
	} items[OPEN_FILES_MAX];
	size_t count;
};

static bool is_first(struct seen *seen, const struct stat *st)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->items[i].device == st->st_dev && seen->items[i].inode == st->st_ino)
			return false;
	if (seen->count == OPEN_FILES_MAX)
		return false;
	seen->items[seen->count].device = st->st_dev;
	seen->items[seen->count++].inode = st->st_ino;
	return true;
}

static int take_open(struct capture *c, const struct capture_process *p, int fds,
		     const char *name, const char *target, struct seen *seen, struct err *e)
{
	auto_fd int fd = openat(fds, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOATIME);
	const char *source = arena_printf(c->arena, "/proc/%d/fd/%s %s", (int)p->pid, name, target);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		capture_problem(c, source, "%s", err_errno_text(errno));
		return 0;
	}
	if (!S_ISREG(st.st_mode) || !is_first(seen, &st))
		return 0;
	if (st.st_size > 0 && (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size / 8 &&
	    st.st_size > (INT64_C(256) << 20)) {
		capture_problem(c, source, "its %lld bytes are mostly holes: not taken",
				(long long)st.st_size);
		return 0;
	}
	return capture_copy(c, fd, (uint64_t)st.st_size,
			    arena_printf(c->arena, "files/open/%d-%s", (int)p->pid, name), FROZEN(c),
			    source, e);
}

static int take_process(struct capture *c, const struct capture_process *p, struct seen *seen,
			struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	struct mounts mounts = own_mounts(c, p, &scratch);
	int fd = openat(p->proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0;
	auto_dir DIR *fds = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (fds && code == 0 && (entry = readdir(fds))) {
		char target[4096];
		ssize_t len = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		if (len <= 0 || !is_nameless(target))
			continue;
		if (!is_answered(c, p, entry->d_name, target, &mounts, &scratch))
			capture_problem(c, arena_printf(c->arena, "/proc/%d/fd/%s %s", (int)p->pid,
							entry->d_name, target),
					"on a file system that might not answer: not opened");
		else
			code = take_open(c, p, dirfd(fds), entry->d_name, target, seen, e);
	}
	return code;
}

/* The program itself, when its file was deleted: a dropper's favourite. */
static int take_program(struct capture *c, const struct capture_process *p, struct seen *seen,
			struct err *e)
{
	auto_fd int fd = -1;
	struct statfs fs;
	struct stat st;

	if (!is_nameless(p->exe))
		return 0;
	fd = openat(p->proc, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0 || !is_first(seen, &st))
		return 0;
	return capture_copy(c, fd, (uint64_t)st.st_size,
			    arena_printf(c->arena, "files/open/%d-exe", (int)p->pid), FROZEN(c),
			    arena_printf(c->arena, "/proc/%d/exe %s", (int)p->pid, p->exe), e);
}

int capture_open_files(struct capture *c, struct err *e)
{
	auto_free struct seen *seen = calloc(1, sizeof(*seen));
	int code = 0;

	if (!seen)
		return err_sys(e, "memory for the list of open files");
	for (size_t i = 0; i < c->process_count && code == 0; i++) {
		const struct capture_process *p = &c->processes[i];

		if (p->proc < 0)
			continue;
		code = take_program(c, p, seen, e);
		if (code == 0)
			code = take_process(c, p, seen, e);
	}
	return code;
}

/* ---- temporary file systems -------------------------------------------------------------- */

/* Whether the way to a mount leads through none that might not answer. */
static bool is_reachable(const struct mounts *mounts, const char *point)
{
	for (size_t i = 0; i < mounts->count; i++) {
		size_t len = strlen(mounts->items[i].point);

		if (len == 1)
			len = 0;
		if (strncmp(point, mounts->items[i].point, len) == 0 &&
		    (point[len] == '/' || point[len] == '\0') &&
		    !mounts_is_local(mounts->items[i].type))
			return false;
	}
	return true;
}

static int take_temporary(struct capture *c, int root, const struct mounts *mounts,
			  const struct mount *m, unsigned number, struct err *e)
{
	char beneath[4096];
	struct statfs fs;

	if (!is_reachable(mounts, m->point)) {
		capture_problem(c, m->point, "behind a file system that might not answer");
		return 0;
	}
	snprintf(beneath, sizeof(beneath), ".%s", m->point);
	auto_fd int dir = sys_openat2(root, beneath, O_RDONLY | O_DIRECTORY, 0,
				      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
	if (dir < 0 || fstatfs(dir, &fs) < 0) {
		/* A single file can be bound from one as well. */
		if (errno != ENOTDIR)
			capture_problem(c, m->point, "%s", err_errno_text(errno));
		return 0;
	}
	return capture_tree(c, dir, arena_printf(c->arena, "files/tmpfs-%u.tar", number),
			    arena_strdup(c->arena, m->point), FROZEN(c), NULL, e);
}

int capture_temporary(struct capture *c, struct err *e)
{
	const struct capture_process *p = first_process(c);
	auto_arena scratch = ARENA_NONE;
	struct mounts mounts;
	int code = 0;

	if (!c->options->upper || !p)
		return 0;
	mounts = own_mounts(c, p, &scratch);
	auto_fd int root = openat(p->proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; root >= 0 && i < mounts.count && code == 0; i++)
		if (strcmp(mounts.items[i].type, "tmpfs") == 0)
			code = take_temporary(c, root, &mounts, &mounts.items[i], (unsigned)i, e);
	return code;
}

/* ---- the upper directory ----------------------------------------------------------------- */

/* The mount that is the container's root: "/" as its processes see it, or the bundle's rootfs. */
static const struct mount *root_mount(struct capture *c, const struct capture_process *p,
				      struct mounts *mounts, struct arena *a)
{
	const char *point = p ? "/" : c->known ? c->record.rootfs : NULL;

	if (!point)
		return NULL;
	*mounts = p ? own_mounts(c, p, a)
		    : mounts_read(file_read_path("/proc/self/mountinfo", MOUNTINFO_MAX, a, NULL), a);
	return mounts_at(mounts, point);
}

int capture_upper(struct capture *c, struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	struct emit list = EMIT_IN(&scratch, 1);
	struct mounts mounts = { 0 };
	const struct mount *m;
	const char *upper, *text;
	int code;

	if (!c->options->upper)
		return 0;
	m = root_mount(c, first_process(c), &mounts, &scratch);
	if (!m || strcmp(m->type, "overlay") != 0) {
		capture_problem(c, "upper", "the root file system is no overlay (%s): what was "
				"changed cannot be told from what was there, and is not taken",
				m ? m->type : "not mounted");
		return 0;
	}
	upper = mounts_upper(m, c->arena);
	if (!upper) {
		capture_problem(c, "upper", "the overlay is read-only: it has no upper directory");
		return 0;
	}
	auto_fd int dir = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME);
	if (dir < 0) {
		capture_problem(c, upper, "%s", err_errno_text(errno));
		return 0;
	}
	emit_array(&list, NULL);
	code = capture_tree(c, dir, "rootfs-diff.tar", upper, FROZEN(c), &list, e);
	emit_end(&list);
	if (code < 0)
		return -1;
	/* The list is small, and says what is in an archive that is cut off. */
	text = emit_get(&list);
	if (strcmp(text, "[]") == 0 && code != 0)
		return code;
	c->sink->last_words = true;
	if (sink_put(c->sink, "changes.json", text, strlen(text), sink_now(CLOCK_REALTIME),
		     FROZEN(c), upper, e) != 0)
		code = -1;
	c->sink->last_words = false;
	return code;
}
