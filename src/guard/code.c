/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. One process: its program and its executable memory, each file judged by where it
 * is. Whatever a process can name is told as it is and never looked up.
 */
#include "guard/code.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/character.h"
#include "base/fd.h"
#include "engine/child_image.h"
#include "guard/tasks.h"
#include "orlop/auto.h"

enum {
	FILES_MAX = 1024,	/* executable ones of a process; more are not told apart */
	PATH_ROOM = 4096,
};

struct process {
	const struct code_image *image;
	struct drift *d;
	pid_t pid;
	int proc;
	const char *name;
	struct mounts mounts;		/* its own, when it has another namespace */
	struct {
		uint64_t device, inode;
	} seen[FILES_MAX];
	size_t seen_count;
	bool overflow;
};

/* ---- one file ---------------------------------------------------------------------------- */

static void add(struct process *p, enum drift_kind kind, bool program, const char *path,
		const char *detail)
{
	struct arena *a = p->image->arena;

	code_find(a, p->d, &(struct drift_finding){
		.pid = p->pid, .name = p->name, .kind = kind, .program = program,
		.path = arena_strdup(a, path), .detail = detail });
}

/* DONT_SYNC: a server that never answers is not asked. */
static int ask(int dir, const char *name, struct statx *st)
{
	return statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		     STATX_BASIC_STATS | STATX_MNT_ID, st);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

static bool is_root(const struct code_image *image, const struct mount *m)
{
	return image->root && strcmp(m->device, image->root->device) == 0 &&
	       strcmp(m->root, image->root->root) == 0;
}

/* The part of a path below a mount, or NULL when the path was told from another root. */
static const char *below(const struct mount *m, const char *path)
{
	size_t len = strcmp(m->point, "/") == 0 ? 0 : strlen(m->point);

	return strncmp(path, m->point, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

/* Whether the upper directory has content that the image has not. 1, 0, or -1 and errno. */
static int is_in_upper(const struct code_image *image, const char *path)
{
	struct stat st;
	auto_fd int fd = code_open_below(image->upper, path);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	return code_has_content(fd, &st) && !code_is_copy(image, fd, &st, path);
}

static uint64_t nanoseconds(const struct statx_timestamp *t)
{
	return (uint64_t)t->tv_sec * UINT64_C(1000000000) + t->tv_nsec;
}

static void judge_in_root(struct process *p, const struct mount *m, const struct statx *st,
			  bool program, const char *path)
{
	const struct code_image *image = p->image;
	const char *inside = below(m, path);
	int found;

	if (!image->overlay) {
		if (!m->readonly && image->created && nanoseconds(&st->stx_ctime) > image->created)
			add(p, DRIFT_CHANGED, program, path, "changed after the container was made");
		return;
	}
	if (image->upper < 0)
		return;
	found = inside ? is_in_upper(image, inside) : -1;
	if (found > 0)
		add(p, DRIFT_UPPER, program, path,
		    "in the writable layer: added, or changed since the image");
	else if (found < 0)
		code_tell(image->arena, &p->d->untold, "process %d: %.300s: %s", (int)p->pid, path,
			  inside ? err_errno_text(errno) : "its place in the root is not known");
}

/* Whether a loader would take the file; so when it cannot be told. */
static bool is_loadable(int proc, const char *link)
{
	char start[SELFMAG];
	auto_fd int fd = openat(proc, link, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return true;
	return pread(fd, start, SELFMAG, 0) != SELFMAG || memcmp(start, ELFMAG, SELFMAG) == 0;
}

/*
 * Memory that is shared has a file as well, which nobody ever named. Compilers at run time (Erlang,
 * .NET) name theirs: to map what they make twice, once to write and once to execute. Who would
 * hide a library there by taking away how it begins could have used memory without a file.
 */
static void judge_in_memory(struct process *p, const char *link, bool program, const char *path)
{
	if (strncmp(path, "/memfd:", 7) != 0)
		add(p, DRIFT_ANONYMOUS, program, path, "shared memory that can be executed");
	else if (program || is_loadable(p->proc, link))
		add(p, DRIFT_MEMFD, program, path, "a file in memory, which no file system has");
	else
		add(p, DRIFT_ANONYMOUS, program, path,
		    "memory that can be executed, and no library");
}

static void judge(struct process *p, const struct statx *st, const char *link, bool program,
		  const char *path)
{
	struct arena *a = p->image->arena;
	const struct mount *m = mounts_find(&p->mounts, (long)st->stx_mnt_id);

	if (!m)
		m = mounts_find(&p->image->mounts, (long)st->stx_mnt_id);
	if (code_in_memory(p->image, st))
		judge_in_memory(p, link, program, path);
	else if (ends_with(path, " (deleted)"))
		add(p, DRIFT_DELETED, program, path, "its file was deleted or replaced");
	else if (!m)
		add(p, DRIFT_OUTSIDE, program, path, "on a mount that the container does not have");
	else if (is_root(p->image, m))
		judge_in_root(p, m, st, program, path);
	else if (strcmp(m->type, "tmpfs") == 0 || strcmp(m->type, "ramfs") == 0)
		add(p, DRIFT_TMPFS, program, path,
		    arena_printf(a, "on the %s at %s", m->type, m->point));
	else
		add(p, m->readonly ? DRIFT_READONLY : DRIFT_VOLUME, program, path,
		    arena_printf(a, "on %s (%s), %s", m->point, m->type,
				 m->readonly ? "which is read-only here" : "which can be written to"));
}

/* True the first time that a file is seen in this process. */
static bool is_new(struct process *p, const struct statx *st)
{
	uint64_t device = code_device(st);

	for (size_t i = 0; i < p->seen_count; i++)
		if (p->seen[i].device == device && p->seen[i].inode == st->stx_ino)
			return false;
	if (p->seen_count == FILES_MAX) {
		p->overflow = true;
		return false;
	}
	p->seen[p->seen_count].device = device;
	p->seen[p->seen_count++].inode = st->stx_ino;
	return true;
}

/*
 * A magic link of the process: its program, or a file that it has mapped. 0, 1: it was looked at
 * before in this process, or -1 and errno.
 */
static int look_at(struct process *p, const char *link, bool program)
{
	char path[PATH_ROOM];
	struct statx st;
	ssize_t len;

	if (ask(p->proc, link, &st) < 0)
		return -1;
	if (!is_new(p, &st))
		return 1;
	len = readlinkat(p->proc, link, path, sizeof(path) - 1);
	if (len < 0)
		return -1;
	path[len] = '\0';
	judge(p, &st, link, program, path);
	return 0;
}

/* ---- one process ------------------------------------------------------------------------- */

struct anonymous {
	uint64_t bytes;
	size_t regions;
	bool writable;
};

/* Whether a mapping could not be looked at because it is not there any more; keeps errno. */
static bool went(const struct process *p, int code)
{
	bool lacks = code == ENOENT && faccessat(p->proc, "map_files", F_OK, 0) < 0 &&
		     faccessat(p->proc, "maps", F_OK, 0) == 0;

	errno = code;
	return code == ESRCH || (code == ENOENT && !lacks);
}

/* How much was said. */
static size_t said(const struct drift *d)
{
	return d->findings.count + d->more + d->untold.count;
}

/* A file as its region tells it: device, inode and name. */
static void look_at_file(struct process *p, const char *link, const char *file, const char *name)
{
	const struct code_image *image = p->image;
	/* In other mounts the same name may be that of another file. */
	bool shares = p->mounts.count == 0;
	size_t before = said(p->d);
	int ret;

	if (shares && code_known_has(image->known, file))
		return;
	ret = look_at(p, link, false);
	if (ret < 0 && !went(p, errno))
		code_tell(image->arena, &p->d->untold, "process %d: %.300s: map_files: %s",
			  (int)p->pid, name, err_errno_text(errno));
	if (ret == 0 && said(p->d) == before && shares)
		code_known_add(image->known, file, image->arena);
}

struct look {
	struct process *process;
	struct anonymous sum;
};

static void look_at_region(void *data, const struct code_region *r)
{
	struct look *look = data;
	char link[64];

	if (!r) {
		look->sum = (struct anonymous){ 0 };
	} else if (*r->name != '/') {
		look->sum.bytes += r->end - r->start;
		look->sum.regions++;
		look->sum.writable |= r->writable;
	} else {
		snprintf(link, sizeof(link), "map_files/%llx-%llx", (unsigned long long)r->start,
			 (unsigned long long)r->end);
		look_at_file(look->process, link, r->file, r->name);
	}
}

static void look_at_maps(struct process *p)
{
	struct arena *a = p->image->arena;
	struct look look = { .process = p };

	if (code_regions(p->proc, look_at_region, &look) < 0) {
		if (errno != ESRCH && errno != ENOENT)
			code_tell(a, &p->d->untold, "process %d: its memory cannot be seen: %s",
				  (int)p->pid, err_errno_text(errno));
		return;
	}
	if (look.sum.regions)
		add(p, DRIFT_ANONYMOUS, false, "",
		    arena_printf(a, "%llu bytes in %zu regions%s, executable and without a file",
				 (unsigned long long)look.sum.bytes, look.sum.regions,
				 look.sum.writable ? ", also writable" : ""));
}

/*
 * A process that orlop is about to turn into one of the container's: it runs the file that we run
 * or, a moment later, the child program. Both are known by what they are, not by a name.
 */
static bool is_ours(const struct code_image *image, int proc)
{
	struct statx st;

	if (ask(proc, "exe", &st) < 0)
		return false;
	if (code_device(&st) == code_device(&image->own) && st.stx_ino == image->own.stx_ino)
		return true;
	if (!code_in_memory(image, &st))
		return false;
	auto_fd int fd = openat(proc, "exe", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && child_image_is(fd);
}

bool code_is_being_made(const pid_t *pids, size_t count)
{
	struct code_image host = CODE_IMAGE_NONE;
	bool is = false;

	code_image_learn_host(&host);
	for (size_t i = 0; i < count && !is; i++) {
		auto_fd int proc = pids[i] > 0 ? tasks_open(pids[i]) : -1;

		is = proc >= 0 && is_ours(&host, proc);
	}
	return is;
}

const char *code_name(int proc, struct arena *a)
{
	char name[64];
	auto_fd int fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : fd_read_full(fd, name, sizeof(name) - 1);

	while (len > 0 && name[len - 1] == '\n')
		len--;
	name[len > 0 ? len : 0] = '\0';
	character_replace_hidden(name);
	return arena_strdup(a, name);
}

/* Where /proc is mounted with hidepid, the directory is there and nothing in it. */
static bool is_hidden(pid_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return access(path, F_OK) < 0 && tasks_is_there(pid);
}

void code_look(const struct code_image *image, pid_t pid, struct drift *d)
{
	auto_arena scratch = ARENA_NONE;
	auto_fd int proc = tasks_open(pid);
	struct process *p = arena_new(&scratch, struct process);
	char namespace[32];

	if (proc < 0 && is_hidden(pid))
		code_tell(image->arena, &d->untold, "process %d: /proc does not show it", (int)pid);
	if (proc < 0 || is_ours(image, proc))		/* proc: it ended */
		return;
	*p = (struct process){ .image = image, .d = d, .pid = pid, .proc = proc,
		.name = code_name(proc, image->arena) };
	code_namespace(proc, namespace, sizeof(namespace));
	if (!*namespace || strcmp(namespace, image->namespace) != 0)
		p->mounts = code_mounts(proc, &scratch);
	d->processes++;
	if (look_at(p, "exe", true) < 0 && errno != ENOENT && errno != ESRCH)
		code_tell(image->arena, &d->untold, "process %d: its program: %s", (int)pid,
			  err_errno_text(errno));
	look_at_maps(p);
	if (p->overflow)
		code_tell(image->arena, &d->untold, "process %d: has more than %d executable files",
			  (int)pid, FILES_MAX);
}
