/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/scan_rights.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "orlop/auto.h"

enum { CAPABILITY_NET_RAW = 13 };

/* The number behind a name in /proc/PID/status; false when it is not there. */
static bool number_of(const char *text, const char *name, int base, unsigned long long *ret)
{
	const char *at = strstr(text, name);

	if (at)
		*ret = strtoull(at + strlen(name), NULL, base);
	return at != NULL;
}

static bool has_raw(unsigned long long set)
{
	return set >> CAPABILITY_NET_RAW & 1;
}

/* Who is root in the user namespace of a process, as we see it. False when it cannot be told. */
static bool root_of(pid_t pid, unsigned long long *ret)
{
	unsigned long long inside, outside, count;
	char path[32], text[4096], *at = text;

	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	auto_fd int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || file_read_fd(file, text, sizeof(text)) <= 0)
		return false;
	for (; at && sscanf(at, "%llu %llu %llu", &inside, &outside, &count) == 3;
	     at = strchr(at + 1, '\n')) {
		if (inside == 0) {
			*ret = outside;
			return true;
		}
	}
	return false;
}

/* Whether one of its ids is root's, or may be: also the saved one can be taken again. */
static bool is_root(const char *status, pid_t pid)
{
	const char *at = strstr(status, "\nUid:");
	unsigned long long root, ids[3];

	if (!at || !root_of(pid, &root) || sscanf(at, "\nUid: %llu %llu %llu", &ids[0], &ids[1], &ids[2]) != 3)
		return true;
	return ids[0] == root || ids[1] == root || ids[2] == root;
}

/* By the status of one thread of a process; *ret_threads: how many that has. */
static enum raw_right of_thread(int dir, const char *name, pid_t pid,
				unsigned long long *ret_threads)
{
	unsigned long long permitted, bounding, sealed;
	auto_fd int file = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char text[4096];

	if (file < 0 || file_read_fd(file, text, sizeof(text)) <= 0 ||
	    !number_of(text, "\nThreads:", 10, ret_threads) ||
	    !number_of(text, "\nCapPrm:", 16, &permitted) ||
	    !number_of(text, "\nCapBnd:", 16, &bounding) ||
	    !number_of(text, "\nNoNewPrivs:", 10, &sealed))
		return RAW_HELD;
	if (has_raw(permitted))
		return RAW_HELD;
	return has_raw(bounding) && !sealed && is_root(text, pid) ? RAW_GAINED : RAW_NONE;
}

/* Each thread has sets of its own. */
static enum raw_right of_process(pid_t pid)
{
	unsigned long long threads = 0, ignored;
	char path[64];
	enum raw_right most;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	most = of_thread(AT_FDCWD, path, pid, &threads);
	if (most == RAW_HELD || threads == 1)
		return most;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	auto_dir DIR *tasks = opendir(path);
	if (!tasks)
		return RAW_HELD;
	while (most != RAW_HELD && (entry = readdir(tasks))) {
		enum raw_right right;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.20s/status", entry->d_name);
		right = of_thread(dirfd(tasks), path, pid, &ignored);
		if (right > most)
			most = right;
	}
	return most;
}

enum raw_right rights_raw(const struct cgroup_pids *pids, pid_t *ret_pid)
{
	enum raw_right most = RAW_NONE;

	for (size_t i = 0; i < pids->count && most != RAW_HELD; i++) {
		enum raw_right right = pids->items[i] > 0 ? of_process(pids->items[i]) : RAW_NONE;

		if (right <= most)
			continue;
		most = right;
		*ret_pid = pids->items[i];
	}
	return most;
}
