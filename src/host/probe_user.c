/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody who is not the host's root has to know: which ids can be mapped, where cgroups can
 * be, and what is not to be had at all.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host/probe_parts.h"
#include "host/program.h"
#include "orlop/host_facts.h"

/* A line of words between colons, cut at them; false at the end of the text. */
static bool next_line(struct probe *p, const char **text, char *ret[7])
{
	size_t len = strcspn(*text, "\n");
	char *line = arena_strndup(p->arena, *text, len);

	if (!**text)
		return false;
	*text += len + ((*text)[len] == '\n');
	for (int i = 0; i < 7; i++) {
		char *word = strsep(&line, ":");

		ret[i] = word ? word : arena_strdup(p->arena, "");
	}
	return true;
}

/* The name by the file alone: another source of names would have to be asked through libraries. */
static const char *user_name(struct probe *p, const char *uid)
{
	const char *text = probe_file(p, "/etc/passwd");
	char *words[7];

	while (text && next_line(p, &text, words))
		if (strcmp(words[2], uid) == 0)
			return words[0];
	return "";
}

/* How many ids a file gives to the user. */
static unsigned long count_ids(struct probe *p, const char *path, const char *uid,
			       const char *name)
{
	const char *text = probe_file(p, path);
	unsigned long count = 0;
	char *words[7];

	while (text && next_line(p, &text, words))
		if (strcmp(words[0], uid) == 0 || (*name && strcmp(words[0], name) == 0))
			count += strtoul(words[2], NULL, 10);
	return count;
}

static void probe_ids(struct probe *p)
{
	const char *uid = arena_printf(p->arena, "%u", (unsigned)geteuid());
	const char *name = user_name(p, uid);
	unsigned long uids = count_ids(p, "/etc/subuid", uid, name);
	unsigned long gids = count_ids(p, "/etc/subgid", uid, name);

	if (!program_find("newuidmap", p->arena) || !program_find("newgidmap", p->arena))
		probe_not(p, PROBE_NOTE, "ids", "install uidmap (Debian) or shadow-utils",
			  "only the user's own can be mapped: newuidmap or newgidmap is missing");
	else if (!uids || !gids)
		probe_not(p, PROBE_NOTE, "ids",
			  arena_printf(p->arena, "usermod --add-subuids 100000-165535 "
				       "--add-subgids 100000-165535 %s", *name ? name : uid),
			  "only the user's own can be mapped: none in /etc/sub%cid",
			  uids ? 'g' : 'u');
	else
		probe_ok(p, "ids", "%lu subordinate user ids and %lu group ids can be mapped", uids,
			 gids);
}

bool probe_is_root(struct probe *p)
{
	static const struct host_wants nothing;
	struct host_facts f;
	struct err e;

	return geteuid() == 0 && host_facts_get(&nothing, p->arena, &f, &e) == 0 && !f.in_user_ns;
}

void probe_user(struct probe *p)
{
	static const struct host_wants nothing;
	struct host_facts f;
	struct err e;

	if (host_facts_get(&nothing, p->arena, &f, &e) < 0 || (f.euid == 0 && !f.in_user_ns))
		return;
	if (f.euid != 0)
		probe_ids(p);
	else if (f.setgroups_denied)
		probe_not(p, PROBE_NOTE, "groups", "map groups of /etc/subgid into the user namespace",
			  "this user namespace does not let additional groups be set");
	if (f.cgroup_delegated)
		probe_ok(p, "own cgroup", "containers can be below %s", f.cgroup_delegated);
	else
		probe_not(p, PROBE_NOTE, "own cgroup", "give --systemd-cgroup, or call orlop by "
			  "systemd-run --user --scope -p Delegate=yes",
			  "no group is this user's to write to: no limits, no pause");
}
