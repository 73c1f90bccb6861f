/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Only /proc names what a descriptor is without touching the file behind it (a
 * descriptor that is fetched has to be closed again, and closing asks a FUSE server that may be
 * frozen itself). Reading one name costs three times what kcmp(2) costs, and listing a table as
 * much as two names, so of a table whose owner is frozen
 *
 *   - the kernel says how many descriptors it has (Linux 6.2), and the numbers from 0 upwards are
 *     tried until all of them are found; it is listed only where they lie far apart;
 *   - a file that is the same as the one which the process before has under this number, or this
 *     one under the number below (2>&1), was looked at already. Where that is seldom so, it is
 *     seldom asked.
 */
#include "guard/scan_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/thread.h"
#include "guard/freeze.h"
#include "guard/tasks.h"
#include "orlop/auto.h"

enum {
	WORKERS = 2,
	WORTH_A_THREAD = 16,	/* processes */
	GROUPS_FIRST = 16,
	NUMBERS = 32,		/* descriptors below this are compared */
	SELDOM = 4, ONCE_IN = 16,
};

/* What is known of one number: who had it last, and how often in a row it was another file. */
struct number {
	pid_t tid;
	unsigned misses, twin_misses;
};

struct block {
	struct block *next;
	size_t count;
	struct tables_noted items[64];
};

struct worker {
	struct tables_run *run;
	struct arena arena;
	struct number numbers[NUMBERS];
	struct block *blocks;		/* newest first */
	size_t noted;
	struct tables_unseen unseen;
	pthread_t thread;
};

struct tables_run {
	int group, proc;
	uint64_t freeze_end, end;
	pthread_mutex_t lock;
	bool prepared, settled, one_threaded;
	size_t next;			/* the first process that nobody has taken */
	size_t threads, group_room;
	struct arena *arena, *preparing;
	struct worker workers[WORKERS];
	bool helped;
	struct tables tables;
};

/* The end is set when the first thread comes to the work. */
static bool is_late(const struct tables_run *r)
{
	return freeze_now() > __atomic_load_n(&r->end, __ATOMIC_RELAXED);
}

/* ---- what there is to look at ------------------------------------------------------------- */

static void *copy(struct arena *a, const void *items, size_t count, size_t room, size_t size)
{
	void *copied = arena_array(a, room, size);

	return count ? memcpy(copied, items, count * size) : copied;
}

/* How many threads are in the group itself; none when it does not say. */
static size_t threads_of(int group)
{
	auto_fd int file = file_open(group, "cgroup.threads", O_RDONLY);
	size_t count = 0;
	char bytes[4096];
	ssize_t n;

	while (file >= 0 && (n = read(file, bytes, sizeof(bytes))) > 0)
		for (const char *c = bytes; c < bytes + n; c++)
			count += *c == '\n';
	return count;
}

/* A list that is full is copied to one of twice the size, in the arena of who prepares. */
static void add_group(int group, void *argument)
{
	struct tables_run *r = argument;
	struct tables *t = &r->tables;
	struct stat st;

	if (fstat(group, &st) < 0 || t->group_count == TABLES_GROUPS_MAX)
		return;
	if (t->group_count == r->group_room) {
		r->group_room = r->group_room ? 2 * r->group_room : GROUPS_FIRST;
		t->groups = copy(r->preparing, t->groups, t->group_count, r->group_room,
				 sizeof(*t->groups));
	}
	t->groups[t->group_count++] = st.st_ino;
	r->threads += threads_of(group);
}

/* By whoever comes first. The helper comes only when everybody is frozen. */
static void prepare(struct tables_run *r, struct arena *a, bool settled)
{
	pthread_mutex_lock(&r->lock);
	if (!r->prepared) {
		r->settled = settled;
		r->preparing = a;
		r->tables.failed = cgroup_walk(r->group, add_group, r, a, &r->tables.pids,
					       &r->tables.error) < 0;
		r->one_threaded = r->threads == r->tables.pids.count;
		r->prepared = true;
	}
	pthread_mutex_unlock(&r->lock);
}

/* ---- one table ---------------------------------------------------------------------------- */

static bool is_harmless_device(const char *path)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom", "tty",
		"ptmx", "console" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(path, names[i]) == 0)
			return true;
	return strncmp(path, "pts/", 4) == 0 || strncmp(path, "shm/", 4) == 0 ||
	       strncmp(path, "mqueue/", 7) == 0;
}

static bool is_noted(const char *target)
{
	static const char device_is[] = "/dev/";

	if (strncmp(target, device_is, strlen(device_is)) == 0)
		return !is_harmless_device(target + strlen(device_is));
	return strncmp(target, "socket:[", 8) == 0 || strcmp(target, "anon_inode:[io_uring]") == 0;
}

/* Whose table is looked at, and where its names are read: `path` below `dir`. */
struct place {
	size_t at;
	pid_t pid, tid;
	int dir;
	char path[64];
	size_t len;		/* of the path without a number */
};

/* /proc does not show it, and it has not ended. */
static void note_unseen(struct worker *w, pid_t pid, int code)
{
	bool ended = (code == ENOENT || code == ESRCH) && !tasks_is_there(pid);

	if (ended || w->unseen.last == pid)
		return;
	w->unseen.last = pid;
	w->unseen.code = code;
	w->unseen.count++;
}

/* Reads one name: true when there is such a descriptor. */
static bool look_at(struct worker *w, struct place *p, int fd)
{
	char target[128];
	struct block *b = w->blocks;
	ssize_t n;

	snprintf(p->path + p->len, sizeof(p->path) - p->len, "%d", fd);
	n = readlinkat(p->dir, p->path, target, sizeof(target) - 1);
	if (n < 0 && (errno == EACCES || errno == EPERM))
		note_unseen(w, p->pid, errno);
	if (n < 0)
		return false;
	target[n] = '\0';
	if (!is_noted(target))
		return true;
	if (!b || b->count == ARRAY_LEN(b->items)) {
		b = arena_new(&w->arena, struct block);
		b->next = w->blocks;
		w->blocks = b;
	}
	b->items[b->count++] = (struct tables_noted){
		p->at, p->pid, p->tid, fd, arena_strdup(&w->arena, target) };
	w->noted++;
	return true;
}

static bool is_same(pid_t tid, int fd, pid_t other_tid, int other_fd, unsigned *misses)
{
	if (*misses >= SELDOM && (*misses)++ % ONCE_IN)
		return false;
	if (syscall(SYS_kcmp, other_tid, tid, KCMP_FILE, other_fd, fd) != 0) {
		++*misses;
		return false;
	}
	*misses = 0;
	return true;
}

/* True when it is the file that was last seen under this number, or under the one below. */
static bool is_known(struct worker *w, pid_t tid, int fd)
{
	struct number *number = fd < NUMBERS ? &w->numbers[fd] : NULL;

	if (!number)
		return false;
	return (number->tid && is_same(tid, fd, number->tid, fd, &number->misses)) ||
	       (fd > 0 && is_same(tid, fd, tid, fd - 1, &number->twin_misses));
}

/* Tries the numbers from 0; the first that was not tried, or -1 when all `count` were found. */
static int try_numbers(struct worker *w, struct place *p, size_t count)
{
	size_t found = 0, most = count * 2 + 16;

	for (size_t fd = 0; fd < most; fd++) {
		bool known = is_known(w, p->tid, (int)fd);

		if (!known && !look_at(w, p, (int)fd))
			continue;
		if (!known && fd < NUMBERS)
			w->numbers[fd].tid = p->tid;
		if (++found == count)
			return -1;
	}
	return (int)most;
}

/* Lists the table and looks at all from the number `from`. Whether there is anything in it. */
static bool list(struct worker *w, struct place *p, int from)
{
	struct dirent *entry;
	bool any = false;
	auto_dir DIR *fds = NULL;
	auto_fd int dir = -1;

	p->path[p->len] = '\0';
	dir = openat(p->dir, p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds = dir < 0 ? NULL : fdopendir(dir);
	if (fds)
		take_fd(&dir);
	else
		note_unseen(w, p->pid, errno);
	while (fds && (entry = readdir(fds)) && !is_late(w->run)) {
		struct place inside = { .at = p->at, .pid = p->pid, .tid = p->tid,
					.dir = dirfd(fds) };
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.')
			continue;
		any = true;
		if (fd >= from)
			look_at(w, &inside, fd);
	}
	return any;
}

/* How many descriptors there are (Linux 6.2; 0 before, and where there is none). */
static size_t count_of(const struct worker *w, struct place *p)
{
	struct stat st;

	p->path[p->len] = '\0';
	return fstatat(w->run->proc, p->path, &st, 0) == 0 && st.st_size > 0 ?
	       (size_t)st.st_size : 0;
}

/* Whether there is anything in it. */
static bool look_at_table(struct worker *w, size_t at, pid_t pid, pid_t tid)
{
	struct place p = { .at = at, .pid = pid, .tid = tid, .dir = w->run->proc };
	size_t count = 0;
	int from = 0;

	p.len = (size_t)(pid == tid ?
			 snprintf(p.path, sizeof(p.path), "%d/fd/", (int)pid) :
			 snprintf(p.path, sizeof(p.path), "%d/task/%d/fd/", (int)pid, (int)tid));
	if (w->run->settled)
		count = count_of(w, &p);
	if (count)
		from = try_numbers(w, &p, count);
	return from < 0 || list(w, &p, from);
}

/*
 * Threads may have tables of their own. Of as many threads as processes none need be looked at,
 * unless a first one has ended: it counts no more, and has nothing.
 */
static void look_at_process(struct worker *w, size_t at, pid_t pid)
{
	struct stat st;
	struct dirent *entry;
	char path[48];

	if (look_at_table(w, at, pid, pid) && w->run->one_threaded)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	/* Two links, and one for each thread. */
	if (stat(path, &st) < 0 || st.st_nlink <= 3)
		return;
	auto_dir DIR *threads = opendir(path);
	while (threads && (entry = readdir(threads)) && !is_late(w->run)) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid > 0 && tid != pid && syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) != 0)
			look_at_table(w, at, pid, tid);
	}
}

/* ---- the work and who does it ------------------------------------------------------------- */

static void work(struct worker *w)
{
	struct tables_run *r = w->run;
	const struct cgroup_pids *pids = &r->tables.pids;
	size_t i;

	while ((i = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED)) < pids->count)
		if (is_late(r))
			__atomic_fetch_add(&r->tables.missed, 1, __ATOMIC_RELAXED);
		else if (pids->items[i] > 0)
			look_at_process(w, i, pids->items[i]);
}

static void *help(void *argument)
{
	struct worker *w = argument;
	struct tables_run *r = w->run;
	struct err ignored;

	if (freeze_wait(r->group, true, r->freeze_end, &ignored) == 0)
		prepare(r, &w->arena, true);
	pthread_mutex_lock(&r->lock);
	bool prepared = r->prepared;
	pthread_mutex_unlock(&r->lock);
	if (prepared)
		work(w);
	return NULL;
}

/* Not for few processes, and not where there is no second processor for it: *ret are those. */
static bool is_worth_it(int group, cpu_set_t *ret)
{
	auto_fd int file = file_open(group, "cgroup.procs", O_RDONLY);
	/* The kernel lists no more than it is asked for, and a number has seven digits at most. */
	char bytes[WORTH_A_THREAD * 8];
	ssize_t n = file < 0 ? -1 : read(file, bytes, sizeof(bytes));
	int lines = 0;

	for (ssize_t i = 0; i < n; i++)
		lines += bytes[i] == '\n';
	return lines >= WORTH_A_THREAD && thread_others(ret);
}

struct tables_run *tables_begin(int group, uint64_t end, struct arena *a)
{
	struct tables_run *r = arena_new(a, struct tables_run);
	struct worker *helper = &r->workers[1];
	cpu_set_t others;

	r->group = group;
	r->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r->freeze_end = end;
	r->end = UINT64_MAX;
	r->arena = a;
	pthread_mutex_init(&r->lock, NULL);
	for (size_t i = 0; i < WORKERS; i++)
		r->workers[i].run = r;
	if (!is_worth_it(group, &others))
		return r;
	mallopt(M_ARENA_MAX, 1);	/* one of its own would be mapped for a moment's work */
	/*
	 * While those that are to be frozen wake up there, this processor looks the emptiest, and
	 * the helper would wait until we have done all of it.
	 */
	r->helped = thread_start(&helper->thread, help, helper, &others);
	return r;
}

static int by_place(const void *a, const void *b)
{
	const struct tables_noted *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

/* Out of the workers' arenas, in order, and what both have found once. */
static void collect(struct tables_run *r)
{
	struct tables *t = &r->tables;
	size_t all = 0, kept = 0;

	for (size_t i = 0; i < WORKERS; i++) {
		const struct tables_unseen *unseen = &r->workers[i].unseen;

		all += r->workers[i].noted;
		if (!unseen->count)
			continue;
		t->unseen.count += unseen->count;
		t->unseen.last = unseen->last;
		t->unseen.code = unseen->code;
	}
	t->noted = arena_new_array(r->arena, struct tables_noted, all);
	for (size_t i = 0; i < WORKERS; i++)
		for (struct block *b = r->workers[i].blocks; b; b = b->next)
			for (size_t k = 0; k < b->count; k++) {
				t->noted[kept] = b->items[k];
				t->noted[kept++].target = arena_strdup(r->arena,
								       b->items[k].target);
			}
	if (kept)
		qsort(t->noted, kept, sizeof(*t->noted), by_place);
	t->noted_count = kept;
}

const struct tables *tables_end(struct tables_run *r, bool settled, uint64_t end)
{
	struct tables *t = &r->tables;

	__atomic_store_n(&r->end, end, __ATOMIC_RELAXED);
	prepare(r, &r->workers[0].arena, settled);
	work(&r->workers[0]);
	if (r->helped)
		pthread_join(r->workers[1].thread, NULL);
	collect(r);
	t->pids.items = copy(r->arena, t->pids.items, t->pids.count, t->pids.count,
			     sizeof(*t->pids.items));
	t->groups = copy(r->arena, t->groups, t->group_count, t->group_count, sizeof(*t->groups));
	for (size_t i = 0; i < WORKERS; i++)
		arena_free(&r->workers[i].arena);
	pthread_mutex_destroy(&r->lock);
	auto_close_fd(&r->proc);
	return t;
}
