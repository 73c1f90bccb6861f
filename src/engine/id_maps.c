/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/id_maps.h"

#include "base/text.h"
#include "engine/hooks.h"
#include "engine/procfs.h"
#include "orlop/auto.h"

enum { PROGRAM_SECONDS = 30 };	/* it may ask a directory server for the user's ranges */

/*
 * newuidmap PID CONTAINER HOST SIZE...: it checks by itself what the user may map. The pid is that
 * of a child which nobody waited for, so it cannot become another's meanwhile.
 */
static int write_by(const char *path, const struct id_map_list *maps, pid_t pid, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct oci_hook program = {
		.path = arena_strdup(&a, path), .timeout = { true, PROGRAM_SECONDS },
	};
	char **words = arena_new_array(&a, char *, 2 + 3 * maps->count);

	program.args.items = words;
	program.args.count = 2 + 3 * maps->count;
	*words++ = program.path;
	*words++ = arena_printf(&a, "%d", (int)pid);
	for (size_t n = 0; n < maps->count; n++) {
		const struct oci_id_map *m = &maps->items[n];

		*words++ = arena_printf(&a, "%u", m->container);
		*words++ = arena_printf(&a, "%u", m->host);
		*words++ = arena_printf(&a, "%u", m->size);
	}
	return hooks_run_program(&program, e);
}

static int write_map(int procfs, pid_t pid, const char *name, const struct id_map_list *maps,
		     struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);

	for (size_t n = 0; n < maps->count; n++)
		text_printf(&t, "%u %u %u\n", maps->items[n].container, maps->items[n].host,
			    maps->items[n].size);
	return procfs_write(procfs, pid, name, text_get(&t), e);
}

static int write_one(int procfs, pid_t pid, const char *name, const char *by,
		     const struct id_map_list *maps, struct err *e)
{
	if (!by)
		return write_map(procfs, pid, name, maps, e);
	if (write_by(by, maps, pid, e) == 0)
		return 0;
	err_in(e, "linux.%sMappings: %s", *name == 'u' ? "uid" : "gid", by);
	return err_hint(e, "/etc/sub%cid says which ids a user may map; the program needs to be "
			"setuid root or to have CAP_SET%cID", *name, *name == 'u' ? 'U' : 'G');
}

int id_maps_write(const struct id_maps *maps, int procfs, pid_t pid, struct err *e)
{
	if (maps->deny_setgroups && procfs_write(procfs, pid, "setgroups", "deny", e) < 0)
		return -1;
	/* Groups first: once the uid map is there, fewer rights may be left for them. */
	if (write_one(procfs, pid, "gid_map", maps->gids_by, maps->gids, e) < 0)
		return -1;
	return write_one(procfs, pid, "uid_map", maps->uids_by, maps->uids, e);
}
