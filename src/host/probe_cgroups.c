/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup2 hierarchy: where it is mounted, whether it can be written to, and which controllers
 * it has. On a hybrid host version 1 holds most of them, and a limit that needs one is refused.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host/probe_parts.h"
#include "orlop/auto.h"

/* The n-th word of a line of /proc/self/mountinfo, in the arena; NULL when there is none. */
static const char *word_of(struct probe *p, const char *line, unsigned n)
{
	size_t len;

	for (; n; n--) {
		line += strcspn(line, " \n");
		if (*line != ' ')
			return NULL;
		line++;
	}
	len = strcspn(line, " \n");
	return arena_strndup(p->arena, line, len);
}

/* Where cgroup2 is mounted; of several the first of the places below. */
static const char *find_mount(struct probe *p)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	const char *mounts = probe_file(p, "/proc/self/mountinfo");
	const char *found = NULL;
	size_t best = ARRAY_LEN(places);

	while (mounts && *mounts) {
		size_t len = strcspn(mounts, "\n");
		const char *type = memmem(mounts, len, " - cgroup2 ", strlen(" - cgroup2 "));
		const char *place = type ? word_of(p, mounts, 4) : NULL;

		for (size_t i = 0; place && i < best; i++)
			if (strcmp(place, places[i]) == 0) {
				best = i;
				found = place;
			}
		mounts += len + (mounts[len] == '\n');
	}
	return found;
}

static void probe_controllers(struct probe *p, const char *mount)
{
	static const char *const wanted[] = { "cpu", "cpuset", "io", "memory", "pids" };
	const char *there = probe_file(p, arena_printf(p->arena, "%s/cgroup.controllers", mount));
	struct text missing = TEXT_IN(p->arena);

	if (!there)
		there = "";
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (!probe_has_word(there, wanted[i], " "))
			text_printf(&missing, "%s%s", missing.len ? " " : "", wanted[i]);
	if (missing.len)
		probe_not(p, PROBE_NOTE, "controllers",
			  "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all",
			  "missing: %s (there: %s); limits that need them are refused",
			  text_get(&missing), *there ? there : "none");
	else
		probe_ok(p, "controllers", "%s", there);
}

void probe_cgroups(struct probe *p)
{
	const char *mount = find_mount(p);

	if (!mount) {
		probe_not(p, PROBE_BAD, "cgroup2",
			  "mount -t cgroup2 none /sys/fs/cgroup, or boot with "
			  "systemd.unified_cgroup_hierarchy=1",
			  "not mounted on /sys/fs/cgroup or /sys/fs/cgroup/unified");
		return;
	}
	/* Where a user may write is told by probe_user. */
	if (probe_is_root(p) && access(mount, W_OK))
		probe_not(p, PROBE_BAD, "cgroup2", "mount it read-write",
			  "on %s, which cannot be written to: %s", mount, err_errno_text(errno));
	else
		probe_ok(p, "cgroup2", "on %s", mount);
	probe_controllers(p, mount);
}
