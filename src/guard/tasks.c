/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Who is not frozen, and why. The kernel counts frozen threads and does not name
 * them; what a thread waits in tells it. All names are the container's choice: nothing in them is
 * believed, and no control byte gets into a message.
 */
#include "guard/tasks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/character.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/cgroup.h"
#include "orlop/auto.h"

/* Who runs, or would, comes to rest with the next turn that it gets. */
enum { LATE = 'R' };

bool tasks_is_frozen(char state, const char *where)
{
	bool said = *where && strcmp(where, "0") != 0;

	switch (state) {
	case 'Z':
	case 'X':	/* dead */
	case 'T':
	case 't':	/* stopped ones count as frozen */
		return true;
	case 'S':
		/* do_freezer_trap, mostly inlined into its caller, where nobody else sleeps. */
		return !said || strcmp(where, "do_freezer_trap") == 0 ||
		       strcmp(where, "get_signal") == 0;
	case 'D':
		/* A parent in vfork counts as frozen. */
		return strcmp(where, "wait_for_vfork_done") == 0 ||
		       strcmp(where, "kernel_clone") == 0;
	default:
		return false;
	}
}

/* The name of a thread, between the first "(" and the last ")" of its stat. */
static const char *name_of(const char *stat, const char *end, struct arena *a)
{
	const char *open = strchr(stat, '(');
	char *name = arena_strndup(a, open ? open + 1 : "", open ? (size_t)(end - open - 1) : 0);

	character_replace_hidden(name);
	return name;
}

bool tasks_is_there(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

bool tasks_make_room(struct guard_tasks *ret, char state, struct arena *a)
{
	size_t late = 0;

	if (!ret->items)
		ret->items = arena_new_array(a, struct guard_task, TASKS_MAX);
	if (ret->count < TASKS_MAX)
		return true;
	ret->more++;
	while (late < ret->count && ret->items[late].state != LATE)
		late++;
	if (state == LATE || late == ret->count)
		return false;
	ret->count--;
	memmove(&ret->items[late], &ret->items[late + 1],
		(ret->count - late) * sizeof(*ret->items));
	return true;
}

static void look_at(int task, pid_t pid, const char *tid, struct arena *a, struct guard_tasks *ret)
{
	char path[64], stat[512], where[64] = "";
	const char *end;

	snprintf(path, sizeof(path), "%.16s/stat", tid);
	if (file_read(task, path, stat, sizeof(stat)) <= 0 || !(end = strrchr(stat, ')')) ||
	    end[1] != ' ')
		return;
	snprintf(path, sizeof(path), "%.16s/wchan", tid);
	if (file_read(task, path, where, sizeof(where)) < 0)
		where[0] = '\0';
	where[strcspn(where, ".")] = '\0';	/* what a compiler puts behind: ".isra.0" */
	if (tasks_is_frozen(end[2], where) || !tasks_make_room(ret, end[2], a))
		return;
	ret->items[ret->count++] = (struct guard_task){
		.pid = pid, .tid = (pid_t)atoi(tid), .state = end[2], .in_kernel = end[2] == 'D',
		.name = name_of(stat, end, a),
		.where = arena_strdup(a, strcmp(where, "0") == 0 ? "" : where),
	};
}

int tasks_not_frozen(int group, struct arena *a, struct guard_tasks *ret, struct err *e)
{
	struct cgroup_pids pids = { 0 };

	*ret = (struct guard_tasks){ 0 };
	if (cgroup_pids(group, a, &pids, e) < 0)
		return -1;
	for (size_t i = 0; i < pids.count; i++) {
		char path[32];
		struct dirent *entry;

		snprintf(path, sizeof(path), "/proc/%d/task", pids.items[i]);
		auto_dir DIR *threads = opendir(path);
		while (threads && (entry = readdir(threads)))
			if (entry->d_name[0] != '.')
				look_at(dirfd(threads), pids.items[i], entry->d_name, a, ret);
	}
	return 0;
}

bool guard_tasks_only_late(const struct guard_tasks *tasks)
{
	/* Nobody of the others is left out as long as one of these is listed. */
	for (size_t i = 0; i < tasks->count; i++)
		if (tasks->items[i].state != LATE)
			return false;
	return true;
}

static void name_task(struct text *t, const struct guard_task *task, bool first)
{
	text_printf(t, "%s%d", first ? "" : ", ", (int)task->pid);
	if (task->tid != task->pid)
		text_printf(t, "/%d", (int)task->tid);
	text_printf(t, " (%s) %c", task->name, task->state);
	if (*task->where)
		text_printf(t, " in %s", task->where);
}

const char *guard_tasks_text(const struct guard_tasks *tasks, struct arena *a)
{
	enum { NAMED_MAX = 8 };
	struct text t = TEXT_IN(a);
	size_t named = 0;

	/* Whoever refuses is the reason, and named before those that are only late. */
	for (int late = 0; late <= 1; late++)
		for (size_t i = 0; i < tasks->count && named < NAMED_MAX; i++)
			if ((tasks->items[i].state == LATE) == late)
				name_task(&t, &tasks->items[i], named++ == 0);
	if (tasks->count + tasks->more > NAMED_MAX)
		text_printf(&t, " and %zu more", tasks->count + tasks->more - NAMED_MAX);
	return tasks->count ? text_get(&t) : "nobody any more";
}

static int open_proc(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Also of one that may not be looked at: that is told then. */
static bool has_program(int proc)
{
	char target[8];

	return proc >= 0 && (readlinkat(proc, "exe", target, sizeof(target)) > 0 ||
			     errno == EACCES || errno == EPERM);
}

int tasks_open(pid_t pid)
{
	auto_fd int proc = open_proc(pid);
	auto_fd int tasks = -1;
	struct dirent *entry;

	if (proc < 0 || has_program(proc))
		return take_fd(&proc);
	tasks = openat(proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tasks < 0)
		return -1;
	auto_dir DIR *listing = fdopendir(take_fd(&tasks));
	while (listing && (entry = readdir(listing))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		auto_fd int other = tid > 0 && tid != pid ? open_proc(tid) : -1;

		if (has_program(other))
			return take_fd(&other);
	}
	return -1;
}
