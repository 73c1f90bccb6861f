/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The kernel names the file system of a socket's file, and the name that it was bound
 * under; where in the file system that is follows from the mounts of who bound it. No path is
 * walked for it: any user of the host could have it lead to a file system that does not answer.
 */
#include "guard/scan_doors.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "guard/outcome.h"
#include "orlop/auto.h"

enum { NAME_SHOWN = 108 };		/* a whole sun_path */

static bool is_on(const struct sockdiag_door *door, const struct mount *m)
{
	unsigned major, minor;

	return sscanf(m->device, "%u:%u", &major, &minor) == 2 && major == door->major &&
	       minor == door->minor;
}

/* What follows the directory in the path, "" for itself; NULL when the path is not below it. */
static const char *below(const char *path, const char *directory)
{
	size_t len = strcmp(directory, "/") == 0 ? 0 : strlen(directory);

	if (strncmp(path, directory, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path + len;
}

/*
 * The mount that the name leads to, and what of the name is inside of it. NULL when that is another
 * file system than the socket's: it was bound among other mounts, or before this one was there.
 */
static const struct mount *mount_of(const struct sockdiag_door *door, const char *name,
				    const struct mounts *mounts, const char **ret_rest)
{
	const struct mount *found = NULL;

	for (size_t i = 0; i < mounts->count; i++) {
		const struct mount *m = &mounts->items[i];
		const char *rest = below(name, m->point);

		if (!rest || (found && strlen(m->point) < strlen(found->point)))
			continue;
		found = m;
		*ret_rest = rest;
	}
	return found && is_on(door, found) ? found : NULL;
}

bool scan_door_is_seen(const struct sockdiag_door *door, const struct mounts *theirs,
		       const struct mounts *inside)
{
	/* Half of all services say it the old way. */
	const char *name = below(door->name, "/var/run") ? door->name + strlen("/var") : door->name;
	const char *rest = NULL;
	const struct mount *theirs_at = mount_of(door, name, theirs, &rest);

	for (size_t i = 0; i < inside->count; i++) {
		const struct mount *m = &inside->items[i];
		char path[8192];

		if (!is_on(door, m))
			continue;
		if (!theirs_at)
			return true;
		snprintf(path, sizeof(path), "%s%s", strcmp(theirs_at->root, "/") == 0 ? "" :
			 theirs_at->root, rest);
		if (below(path, m->root))
			return true;
	}
	return false;
}

struct look {
	struct scan *scan;
	struct mounts inside;
	const char *first;		/* one that is seen */
	size_t count;
};

/* Of another namespace it is not known under which mounts a name was bound. */
static int look_at(struct look *l, int diag, bool same_net, const struct mounts *theirs)
{
	struct sockdiag_doors doors;

	if (diag < 0 || sockdiag_doors(diag, l->scan->arena, &doors) < 0)
		return -1;
	for (size_t i = 0; i < doors.count; i++) {
		const struct sockdiag_door *door = &doors.items[i];

		if (scan_has(l->scan, door->inode) ||
		    !(door->abstract ? same_net : scan_door_is_seen(door, theirs, &l->inside)))
			continue;
		if (!l->count++)
			l->first = door->name;
	}
	return 0;
}

static int look_around(struct look *l, pid_t pid)
{
	static const struct mounts unknown = { 0 };
	struct scan *s = l->scan;
	auto_fd int diag = sockdiag_open();
	struct mounts ours;
	struct stat net;
	bool same_net;
	struct err e;

	if (mounts_of(pid, s->arena, &l->inside, &e) < 0 ||
	    mounts_of(0, s->arena, &ours, &e) < 0)
		return -1;
	same_net = stat("/proc/self/ns/net", &net) == 0 && net.st_ino == s->netns_inode;
	if (look_at(l, diag, same_net, &ours) < 0)
		return -1;
	return same_net ? 0 : look_at(l, s->diag, true, &unknown);
}

void scan_doors(struct scan *s)
{
	const struct guard_mechanism *line = outcome_find(s->report, "unix");
	struct look l = { .scan = s };
	pid_t pid = 0;

	if (!s->observe || !line || line->outcome != GUARD_UNSUPPORTED)
		return;
	for (size_t i = 0; i < s->tables->pids.count && pid <= 0; i++)
		pid = s->tables->pids.items[i];
	if (pid <= 0)
		return;
	if (look_around(&l, pid) < 0)
		scan_find(s, "unix-socket", pid, -1, GUARD_HELD_OPEN,
			  "this kernel cannot refuse new connections to unix sockets (Linux 6.7 "
			  "can), and which there are is not known");
	else if (l.count)
		scan_find(s, "unix-socket", pid, -1, GUARD_HELD_OPEN,
			  arena_printf(s->arena, "it may connect to %s%s: this kernel cannot refuse "
				       "that (Linux 6.7 can)",
				       text_quote(s->arena, l.first, NAME_SHOWN), l.count == 1 ? "" :
				       arena_printf(s->arena, " and %zu more", l.count - 1)));
}
