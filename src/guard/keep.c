/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A set is a directory of ours whose name ends in the time at which it was taken and
 * in which there is a capture.json; nothing else is ever touched. One that goes is renamed first,
 * so that what a crash leaves of it is not taken for a set, and goes the next time.
 */
#include "guard/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "guard/audit.h"
#include "guard/held.h"
#include "guard/manifest.h"
#include "orlop/auto.h"
#include "orlop/evidence.h"

enum { ID_SHOWN = 100, TIME_LEN = 23, DEPTH = 8, MANIFEST_MAX = 64 * 1024 * 1024,
	BLOCK = 512, CAPTURE_MAX = 1024 * 1024 };

static const char going[] = ".going";

struct set {
	const char *name;		/* in the directory */
	const char *id, *time;		/* of the container; when it was taken */
	uint64_t bytes;
	bool routine;
};

struct sets {
	struct set *items;
	size_t count, room;
	uint64_t bytes;			/* of all that is in the directory */
};

const char *keep_name(const char *directory, const char *id, struct arena *a)
{
	const char *time = held_time(a);
	char *compact = arena_strdup(a, time), *to = compact;

	for (const char *from = time; *from; from++)
		if (*from != '-' && *from != ':')
			*to++ = *from;
	*to = '\0';
	return arena_printf(a, "%s/%.*s-%s", directory, ID_SHOWN, id, compact);
}

/* ---- trees ---- */

/* The bytes on disk of what is called `name`, which goes as well when that is wanted. */
static uint64_t walk(int dir, const char *name, bool remove, unsigned depth)
{
	struct dirent *entry;
	struct stat st;
	uint64_t bytes;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	bytes = (uint64_t)st.st_blocks * BLOCK;
	if (S_ISDIR(st.st_mode) && depth) {
		auto_fd int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		auto_dir DIR *entries = fd < 0 ? NULL : fdopendir(fd);

		if (entries)
			take_fd(&fd);
		while (entries && (entry = readdir(entries)))
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				bytes += walk(dirfd(entries), entry->d_name, remove, depth - 1);
	}
	if (remove && unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		return 0;
	return bytes;
}

/* ---- sets ---- */

/* "ID-20261123T101500.123456Z": where the time begins, or NULL. */
static const char *time_of(const char *name)
{
	static const char like[] = "00000000T000000.000000Z";
	size_t len = strlen(name);
	const char *time = len > TIME_LEN + 1 ? name + len - TIME_LEN : NULL;

	for (size_t i = 0; time && i < TIME_LEN; i++)
		if (like[i] == '0' ? time[i] < '0' || time[i] > '9' : time[i] != like[i])
			return NULL;
	return time && time[-1] == '-' ? time : NULL;
}

/* A set that says nothing of it (an older one, one whose taking was ended) is a proof. */
static bool is_routine(int dir, const char *name, struct arena *a)
{
	char *path = arena_printf(a, "%s/capture.json", name);
	char *text = arena_alloc(a, CAPTURE_MAX);

	return file_read(dir, path, text, CAPTURE_MAX) > 0 && strstr(text, "\n \"routine\": true");
}

static bool is_set(int dir, const char *name, struct arena *a)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && time_of(name) &&
	       faccessat(dir, arena_printf(a, "%s/capture.json", name), F_OK, 0) == 0;
}

static int by_time(const void *a, const void *b)
{
	return strcmp(((const struct set *)a)->time, ((const struct set *)b)->time);
}

static void add(struct sets *sets, int dir, const char *entry, struct arena *a)
{
	char *name = arena_strdup(a, entry);
	uint64_t bytes = walk(dir, name, false, DEPTH);
	const char *time;

	sets->bytes += bytes;
	if (!is_set(dir, name, a))
		return;
	if (sets->count == sets->room) {
		struct set *more;

		sets->room = sets->room ? sets->room * 2 : 64;
		more = arena_new_array(a, struct set, sets->room);
		if (sets->count)
			memcpy(more, sets->items, sets->count * sizeof(*more));
		sets->items = more;
	}
	time = time_of(name);
	sets->items[sets->count++] = (struct set){
		.name = name, .id = arena_strndup(a, name, (size_t)(time - 1 - name)), .time = time,
		.bytes = bytes, .routine = is_routine(dir, name, a) };
}

/* The oldest first. What an earlier removal left is removed. -1 and errno. */
static int list(int dir, struct sets *ret, struct arena *a)
{
	auto_fd int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *entries = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	if (!entries)
		return -1;
	take_fd(&again);
	while ((entry = readdir(entries))) {
		const char *end = strstr(entry->d_name, going);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (end && !end[strlen(going)])
			walk(dir, entry->d_name, true, DEPTH);
		else
			add(ret, dir, entry->d_name, a);
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_time);
	return 0;
}

static const char *root_of(int dir, const struct set *set, struct arena *a)
{
	char *path = arena_printf(a, "/proc/self/fd/%d/%s/manifest.json", dir, set->name);
	struct manifest m = { 0 };
	struct err ignored;
	size_t len;
	char *text = file_read_path(path, MANIFEST_MAX, a, &len);

	return text && manifest_read(text, len, a, &m, &ignored) == 0 ? m.root : "unreadable";
}

/* First the line, then the set: what is gone was said to be. */
static int let_go(const char *root, const char *directory, int dir, const struct set *set,
		  const char *trigger, struct arena *a, const char **ret_root, struct err *e)
{
	struct audit_entry entry = {
		.operation = "evidence-prune", .id = set->id, .result = "removed",
		.more = { { "set", arena_printf(a, "%s/%s", directory, set->name) },
			  { "trigger", trigger },
			  { "merkleRoot", *ret_root = root_of(dir, set, a) },
			  { "class", set->routine ? "routine" : "proof" } },
	};
	char *gone = arena_printf(a, "%s%s", set->name, going);

	if (audit_write(root, &entry, e) < 0)
		return -1;
	if (renameat(dir, set->name, dir, gone) < 0 || walk(dir, gone, true, DEPTH) == 0)
		return err_sys(e, "remove \"%.200s/%.150s\"", directory, set->name);
	return 0;
}

uint64_t keep_bound(const char *root, const char *directory, uint64_t most, struct arena *a)
{
	auto_fd int dir = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct sets sets = { 0 };
	const char *merkle;
	struct err e;

	if (dir < 0 || list(dir, &sets, a) < 0)
		return 0;
	for (size_t i = 0; i < sets.count && sets.bytes > most; i++)
		if (sets.items[i].routine &&
		    let_go(root, directory, dir, &sets.items[i], "bound", a, &merkle, &e) == 0)
			sets.bytes -= sets.items[i].bytes;
	return sets.bytes;
}

/* ---- by somebody who says so ---- */

int evidence_prune(const char *root, const struct evidence_prune *wish, struct arena *a,
		   struct evidence_pruned_list *ret, struct err *e)
{
	auto_fd int dir = open(wish->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	time_t until = time(NULL) - (time_t)wish->older_than_s;
	struct sets sets = { 0 };
	char bound[TIME_LEN + 1];
	struct tm tm;

	*ret = (struct evidence_pruned_list){ 0 };
	if (dir < 0 || list(dir, &sets, a) < 0)
		return err_sys(e, "evidence in \"%.200s\"", wish->directory);
	gmtime_r(&until, &tm);
	strftime(bound, sizeof(bound), "%Y%m%dT%H%M%S", &tm);
	ret->items = arena_new_array(a, struct evidence_pruned, sets.count);
	for (size_t i = 0; i < sets.count; i++) {
		const struct set *set = &sets.items[i];
		const char *merkle = "";

		if (strncmp(set->time, bound, strlen(bound)) > 0 ||
		    (wish->routine && !set->routine)) {
			ret->kept++;
			continue;
		}
		if (wish->dry_run)
			merkle = root_of(dir, set, a);
		else if (let_go(root, wish->directory, dir, set, "command", a, &merkle, e) < 0)
			return -1;
		ret->items[ret->count++] = (struct evidence_pruned){ set->name, merkle, set->bytes,
								     set->routine };
	}
	return 0;
}
