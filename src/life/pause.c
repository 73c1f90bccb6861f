/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Standing still and going on. Success means that the kernel confirmed it; a group
 * that does not come to rest in time is thawed again, with the names of who would not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/cgroup.h"
#include "life/container.h"
#include "life/lifecycle.h"
#include "orlop/auto.h"

enum { THAW_MS = 10000, NAMED_MAX = 8 };

static int open_group(const struct container *c, struct arena *a, struct err *e)
{
	const char *mount, *path;
	int group;

	if (!container_cgroup(c, a, &mount, &path))
		return err_set(e, ERR_STATE, "container \"%.80s\" has no cgroup, which is what "
			       "pausing needs", c->id);
	group = cgroup_open(mount, path, e);
	return group < 0 ? err_in(e, "cgroup \"%.200s\"", path) : group;
}

/*
 * The freezer wakes whoever sleeps interruptibly and stops who returns to user space. So those
 * that it did not get are in an uninterruptible sleep, or on their way. (A parent in vfork looks
 * like the former and does count as frozen: it may be named without being to blame.)
 */
static bool is_at_rest(int pid)
{
	char path[64], stat[512];
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	auto_dir DIR *tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		const char *letter;

		snprintf(path, sizeof(path), "%.16s/stat", entry->d_name);
		if (entry->d_name[0] == '.' ||
		    file_read(dirfd(tasks), path, stat, sizeof(stat)) <= 0)
			continue;
		letter = strrchr(stat, ')');
		if (letter && (strncmp(letter, ") D", 3) == 0 || strncmp(letter, ") R", 3) == 0))
			return false;
	}
	return true;
}

/* " 12 (name), 14 (name)": the processes that did not come to rest. */
static const char *name_restless(int group, struct arena *a)
{
	struct text t = TEXT_IN(a);
	struct cgroup_pids pids = { 0 };
	struct err ignored;
	unsigned named = 0;

	if (cgroup_pids(group, a, &pids, &ignored) < 0)
		return " unknown";
	for (size_t i = 0; i < pids.count && named < NAMED_MAX; i++) {
		char path[32], name[32];
		auto_fd int proc = -1;

		if (pids.items[i] <= 0 || is_at_rest(pids.items[i]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d", pids.items[i]);
		proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0 || file_read(proc, "comm", name, sizeof(name)) < 0)
			continue;
		text_printf(&t, "%s %d (%s)", named++ ? "," : "", pids.items[i], name);
	}
	return named ? text_get(&t) : " unknown";
}

/* Takes an attempt back; says so when even that does not work. */
static int give_up(int group, unsigned timeout_ms, struct err *e)
{
	auto_arena a = ARENA_NONE;
	const char *who = name_restless(group, &a);
	struct err thaw;
	int thawed = cgroup_freeze(group, false, THAW_MS, &thaw);

	err_set(e, ERR_STATE, "container not paused within %u ms, and resumed again: not at rest:%s",
		timeout_ms, who);
	if (thawed != 0)
		err_hint(e, "resuming it did not work either: %s",
			 thawed < 0 ? thaw.text : "it took too long");
	return -1;
}

int life_pause(const struct life *l, const char *id, unsigned timeout_ms, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	auto_fd int group = -1;
	int frozen;

	if (container_open_locked(l, id, &a, &c, e) < 0 ||
	    lifecycle_check(VERB_PAUSE, c.status, id, e) < 0)
		return -1;
	group = open_group(&c, &a, e);
	if (group < 0)
		return -1;
	frozen = cgroup_freeze(group, true, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms, e);
	if (frozen == CGROUP_TIMED_OUT)
		return give_up(group, timeout_ms, e);
	if (frozen < 0) {
		struct err ignored;

		/* Whatever went wrong, a wish that was written is not left standing. */
		if (cgroup_freeze(group, false, THAW_MS, &ignored) != 0)
			err_hint(e, "the container may still be paused");
		return -1;
	}
	return 0;
}

/* A pause that was killed half-way leaves the wish without the state: that is resumed as well. */
static bool is_wished(int group)
{
	char text[16];

	return file_read(group, "cgroup.freeze", text, sizeof(text)) > 0 && text[0] == '1';
}

int life_resume(const struct life *l, const char *id, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	auto_fd int group = -1;
	int refused, thawed;

	if (container_open_locked(l, id, &a, &c, e) < 0)
		return -1;
	refused = lifecycle_check(VERB_RESUME, c.status, id, e);
	if (refused < 0 && c.status == STATE_STOPPED)
		return -1;
	group = open_group(&c, &a, e);
	if (refused < 0 && (group < 0 || !is_wished(group)))
		return lifecycle_check(VERB_RESUME, c.status, id, e);
	if (group < 0)
		return -1;
	thawed = cgroup_freeze(group, false, THAW_MS, e);
	if (thawed == CGROUP_TIMED_OUT)
		return err_set(e, ERR_STATE, "container not resumed within %d ms: a cgroup above "
			       "it may be frozen", THAW_MS);
	return thawed;
}
