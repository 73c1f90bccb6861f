/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Images of criu beside our own capture, when they were asked for, under the names by
 * which checkpointctl(1) finds them: checkpoint/, config.dump, spec.dump, status.
 *
 * criu runs code of its own in the processes, and to do so takes the freezer's hand from them: it
 * has traced and stopped each before, and asks for the freezer again before it lets them go. So
 * nobody executes an instruction of his own, as long as criu does what it says. That is read back:
 * whether they are frozen afterwards, and whether every thread is where it was. The network stays
 * cut whatever happens, since the cut is not the freezer's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "config.h"
#include "engine/cgroup.h"
#include "guard/capture.h"
#include "guard/dumper.h"
#include "guard/gap.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

enum { FREEZE_MS = 250, LOCK_MS = 1000, SHARE = 2, SYSCALL_SIZE = 4,
       FILE_MAX = 16 * 1024 * 1024 };

#define DIRECTORY "checkpoint"

struct images {
	struct capture *c;
	int dir;			/* where criu writes */
	int64_t end_ms;			/* of CLOCK_MONOTONIC; 0: none */
};

/* ---- before ------------------------------------------------------------------------------ */

/* What is known to end badly is not begun: then criu has not touched anybody. */
static const char *why_not(const struct capture *c)
{
	if (!c->known)
		return "there is no record of the container";
	if (!c->frozen)
		return "not everybody stands still, and criu would wait for those who do not";
	return c->rings ? "somebody has an io_uring, which criu cannot dump" : NULL;
}

/* Half of the memory that could be had, in KiB. */
static unsigned long memory_to_use(void)
{
	auto_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	static const char name[] = "MemAvailable:";
	char text[4096];
	const char *line = NULL;

	if (proc >= 0 && file_read(proc, "meminfo", text, sizeof(text)) > 0)
		line = strstr(text, name);
	return line ? strtoul(line + strlen(name), NULL, 10) / 2 : 0;
}

/* A file system in memory that is mounted nowhere: nothing of it is left, whatever ends us. */
static int open_in_memory(void)
{
	unsigned long kib = memory_to_use();
	char size[32];
	auto_fd int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

	/* "0k" would be: as much as you like. */
	snprintf(size, sizeof(size), "%luk", kib ? kib : 1);
	if (fs < 0)
		return -1;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
		       MOUNT_ATTR_NOEXEC);
}

/* criu needs a directory: the set's own, or for a tar one in memory. */
static int open_place(struct images *i)
{
	const struct sink *s = i->c->sink;

	if (s->tar)
		i->dir = open_in_memory();
	else if (mkdirat(s->fd, DIRECTORY, 0700) == 0)
		i->dir = openat(s->fd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return i->dir;
}

/* ---- what came of it --------------------------------------------------------------------- */

/* Stack pointer and program counter: the last two words, as long as the thread stands still. */
static bool read_place(const char *syscall, uint64_t ret[2])
{
	const char *at = syscall + strlen(syscall);

	for (int word = 1; word >= 0; word--) {
		while (at > syscall && at[-1] != ' ')
			at--;
		ret[word] = strtoull(at, NULL, 16);
		at -= at > syscall;
	}
	return ret[0] && ret[1];
}

static bool is_where_it_was(const struct capture_process *p, const struct capture_thread *t)
{
	uint64_t before[2], after[2];
	char path[64], now[256];

	snprintf(path, sizeof(path), "task/%d/syscall", (int)t->core.tid);
	if (file_read(p->proc, path, now, sizeof(now)) < 0)
		return false;
	now[strcspn(now, "\n")] = '\0';
	/* A call that was interrupted is made anew: criu has set it back to its instruction. */
	return read_place(t->syscall, before) && read_place(now, after) && before[0] == after[0] &&
	       before[1] - after[1] <= SYSCALL_SIZE;
}

/* Held again, whatever criu made of it, and looked over. */
static void read_back(struct capture *c)
{
	struct err e;
	int code = cgroup_freeze(c->group, true, FREEZE_MS, &e);

	c->images.frozen = code == 0;
	if (code != 0)
		capture_problem(c, DIRECTORY, "after criu the container is not frozen: %s",
				code < 0 ? e.text : "not everybody stood still in time");
	for (size_t n = 0; n < c->process_count; n++) {
		const struct capture_process *p = &c->processes[n];

		for (size_t t = 0; p->proc >= 0 && t < p->thread_count; t++)
			c->images.moved += !is_where_it_was(p, &p->threads[t]);
	}
	if (c->images.moved)
		capture_problem(c, DIRECTORY, "%llu threads are not where they were before criu",
				(unsigned long long)c->images.moved);
}

/* ---- criu -------------------------------------------------------------------------------- */

/* Half of the time that is left is for the digests. */
static const char *is_over(void *argument)
{
	const struct images *i = argument;
	const char *why = sink_wait(i->c->sink);

	if (why)
		return why;
	return i->end_ms && fd_now_ms() >= i->end_ms ? "its part of the budget is used up" : NULL;
}

static void note(void *argument, const char *text)
{
	const struct images *i = argument;

	capture_problem(i->c, DIRECTORY, "%s", text);
}

static const char *dump(struct images *i)
{
	const struct capture *c = i->c;
	int64_t now = fd_now_ms();
	struct dumper d = {
		.dump = c->options->dump, .context = c->options->context, .id = c->id,
		.directory = i->dir, .wait_ms = LOCK_MS, .over = is_over, .note = note,
		.argument = i,
	};

	if (c->sink->end_ms) {
		i->end_ms = now + (c->sink->end_ms - now) / SHARE;
		if (i->end_ms - now < d.wait_ms)
			d.wait_ms = (int)(i->end_ms - now);
	}
	return dumper_run(&d, c->arena);
}

/* In quarantine there is something in criu's way; it is put back before anybody goes on. */
static const char *run(struct images *i)
{
	struct capture *c = i->c;
	struct gap gap = { .dir = c->dir, .group = c->group, .id = c->id };
	const char *why = gap_open(&gap, c->arena), *wrong;

	c->images.result = why ? "not tried" : "failed";
	if (!why)
		why = dump(i);
	read_back(c);
	wrong = gap_close(&gap, c->arena);
	if (wrong) {
		capture_problem(c, DIRECTORY, "%s", wrong);
		guard_stay_paused(c->dir);
	}
	return why;
}

/* ---- into the set ------------------------------------------------------------------------ */

/* The names in a directory that is ours. */
static int list(int dir, struct arena *a, struct str_list *ret)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *listing = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	*ret = (struct str_list){ 0 };
	while (listing && (entry = readdir(listing))) {
		if (entry->d_name[0] == '.')
			continue;
		if (ret->count % 64 == 0) {
			char **items = arena_new_array(a, char *, ret->count + 64);

			if (ret->count)
				memcpy(items, ret->items, ret->count * sizeof(*items));
			ret->items = items;
		}
		ret->items[ret->count++] = arena_strdup(a, entry->d_name);
	}
	return listing ? 0 : -1;
}

/*
 * The log, with what went wrong as its error; an empty one when criu has written none. Code that a
 * killed criu left in a process has it open.
 */
static int put_log(struct images *i, struct err *e)
{
	struct capture *c = i->c;

	if (i->dir >= 0 && faccessat(i->dir, EVIDENCE_CRIU_LOG, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return sink_copy(c->sink, i->dir, EVIDENCE_CRIU_LOG, EVIDENCE_CRIU_LOG, SETTLED,
				 "criu", c->images.why, e);
	if (sink_begin(c->sink, EVIDENCE_CRIU_LOG, 0, SETTLED, "criu", e) != 0)
		return sink_is_over(c->sink) ? SINK_STOPPED : -1;
	return sink_end(c->sink, c->images.why, e);
}

static int put_images(struct images *i, struct err *e)
{
	struct capture *c = i->c;
	struct str_list names;
	int code = 0;

	if (list(i->dir, c->arena, &names) < 0)
		return err_sys(e, "evidence: " DIRECTORY);
	for (size_t n = 0; n < names.count && code == 0; n++) {
		/* checkpointctl looks for this one beside the directory. */
		const char *place = strcmp(names.items[n], "stats-dump") == 0 ? "" : DIRECTORY "/";

		code = sink_take(c->sink, i->dir, names.items[n],
				 arena_printf(c->arena, "%s%s", place, names.items[n]), INJECTED,
				 "criu", NULL, e);
	}
	return code;
}

/* What is not in the manifest is not in the set. */
static void clear(struct images *i)
{
	const struct sink *s = i->c->sink;
	struct str_list names;

	if (i->dir < 0 || s->tar)
		return;
	(void)list(i->dir, i->c->arena, &names);
	for (size_t n = 0; n < names.count; n++)
		if (!manifest_find(s->manifest, arena_printf(i->c->arena, DIRECTORY "/%s",
							     names.items[n])))
			unlinkat(i->dir, names.items[n], 0);
	(void)unlinkat(s->fd, DIRECTORY, AT_REMOVEDIR);		/* if nothing is left in it */
}

/* Seconds of a time in the record, as "2026-11-29T17:48:18Z" begins. */
static int64_t seconds_of(const char *time)
{
	struct tm t = { 0 };

	if (!time || sscanf(time, "%d-%d-%dT%d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour,
			    &t.tm_min, &t.tm_sec) != 6)
		return 0;
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	return timegm(&t);
}

static int put_text(struct capture *c, const char *path, struct emit *m, struct err *e)
{
	const char *text = emit_get(m);

	return sink_put(c->sink, path, text, strlen(text), sink_now(CLOCK_REALTIME), SETTLED,
			"the container's record", e);
}

/* As engines write it into a checkpoint; and containerd's status, which is who made the rest. */
static int put_config(struct capture *c, struct err *e)
{
	struct emit config = EMIT_IN(c->arena, 1), status = EMIT_IN(c->arena, 1);
	int code;

	emit_object(&config, NULL);
	emit_str(&config, "id", c->id);
	emit_str(&config, "name", c->id);
	emit_str(&config, "runtime", "orlop " ORLOP_VERSION);
	emit_str(&config, "createdTime", c->record.created);
	emit_end(&config);
	code = put_text(c, "config.dump", &config, e);
	if (code != 0)
		return code;
	emit_object(&status, NULL);
	emit_i64(&status, "CreatedAt", seconds_of(c->record.created) * 1000000000);
	emit_i64(&status, "Pid", c->record.pid);
	emit_end(&status);
	return put_text(c, "status", &status, e);
}

static int put_spec(struct capture *c, struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	size_t len = 0;
	char *bytes = state_read_file(c->dir, "config.json", FILE_MAX, &scratch, &len);

	if (!bytes) {
		capture_problem(c, "spec.dump", "config.json: %s", err_errno_text(errno));
		return 0;
	}
	return sink_put(c->sink, "spec.dump", bytes, len, sink_now(CLOCK_REALTIME), SETTLED,
			"the container's state directory", e);
}

static int put_all(struct images *i, struct err *e)
{
	int code;

	/* Where time ran out it says how far criu came. */
	i->c->sink->last_words = true;
	code = put_log(i, e);
	i->c->sink->last_words = false;
	if (code != 0 || i->c->images.why)
		return code;
	code = put_config(i->c, e);
	if (code == 0)
		code = put_spec(i->c, e);
	return code == 0 ? put_images(i, e) : code;
}

int capture_images(struct capture *c, struct err *e)
{
	struct images i = { .c = c, .dir = -1 };
	int code;

	c->images.why = why_not(c);
	c->images.result = "not tried";
	c->images.frozen = c->frozen;
	if (!c->images.why && open_place(&i) < 0)
		c->images.why = arena_printf(c->arena, "a directory for the images: %s",
					     err_errno_text(errno));
	if (!c->images.why) {
		c->images.why = run(&i);
		if (!c->images.why)
			c->images.result = "taken";
	}
	if (c->images.why)
		capture_problem(c, DIRECTORY, "%s", c->images.why);
	code = put_all(&i, e);
	clear(&i);
	auto_close_fd(&i.dir);
	return code;
}

void capture_tell_images(const struct capture *c, struct emit *m)
{
	if (!c->images.result)
		return;
	emit_object(m, "criu");
	emit_str(m, "result", c->images.result);
	emit_str(m, "why", c->images.why);
	emit_bool(m, "frozenAfter", c->images.frozen);
	emit_u64(m, "threadsMoved", c->images.moved);
	emit_end(m);
}
