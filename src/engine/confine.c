/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/confine.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/names.h"
#include "engine/label.h"
#include "engine/procfs.h"
#include "oci/words.h"

enum {
	STATUS_ROOM = 64 * 1024,	/* a process may have many groups */
	MAP_ROOM = 16 * 1024,		/* the kernel takes 340 lines */
};

int confine_set_limits(pid_t pid, const struct plan_process *process, struct err *e)
{
	for (size_t n = 0; n < process->rlimits.count; n++) {
		const struct plan_rlimit *l = &process->rlimits.items[n];
		struct rlimit limit = { .rlim_cur = l->soft, .rlim_max = l->hard };

		if (prlimit(pid, (enum __rlimit_resource)l->resource, &limit, NULL) == 0)
			continue;
		err_sys(e, "process.rlimits %s: soft %" PRIu64 ", hard %" PRIu64,
			names_word(words_rlimits, (uint64_t)l->resource), l->soft, l->hard);
		if (e->code == EPERM)
			err_hint(e, "raising a hard limit needs CAP_SYS_RESOURCE");
		return -1;
	}
	return 0;
}

static int set_oom_score(const struct confine *c, struct err *e)
{
	char text[32];

	if (!c->process->oom_score_adj.set)
		return 0;
	snprintf(text, sizeof(text), "%" PRId64, c->process->oom_score_adj.value);
	if (procfs_write(c->procfs, c->pid, "oom_score_adj", text, e) == 0)
		return 0;
	err_in(e, "process.oomScoreAdj %s", text);
	if (e->code == EACCES)
		err_hint(e, "going below the current score needs CAP_SYS_RESOURCE");
	return -1;
}

/* The rest of a line "Name:\t...", or NULL. */
static const char *field(const char *status, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, name, len) && line[len] == ':')
			return line + len + 1;
	}
	return NULL;
}

/* An id of the container as we see it, by the text of its map; UINT32_MAX: not mapped. */
static uint32_t host_id(const char *map, uint32_t id)
{
	unsigned container, host, size;
	int len;

	if (!map)
		return id;
	for (; sscanf(map, "%u %u %u%n", &container, &host, &size, &len) == 3; map += len)
		if (id >= container && id - container < size)
			return host + (id - container);
	return UINT32_MAX;
}

static int check_id(const char *status, const char *name, const char *map, uint32_t id,
		    struct err *e)
{
	const char *at = field(status, name);
	uint32_t wanted = host_id(map, id);

	for (int n = 0; at && n < 4; n++) {
		char *end;
		unsigned long have = strtoul(at, &end, 10);

		if (end == at || have != wanted)
			return err_set(e, ERR_INTERNAL, "process.user: %s is %lu, wanted %u", name,
				       have, wanted);
		at = end;
	}
	if (!at)
		return err_set(e, ERR_INTERNAL, "/proc shows no %s", name);
	return 0;
}

static int check_caps(const char *status, const char *name, uint64_t wanted, struct err *e)
{
	const char *at = field(status, name);
	uint64_t have = at ? strtoull(at, NULL, 16) : 0;

	if (at && have == wanted)
		return 0;
	return err_set(e, ERR_INTERNAL,
		       "process.capabilities: %s is %016" PRIx64 ", wanted %016" PRIx64, name, have,
		       wanted);
}

static bool has_group(const struct plan_process *process, const char *map, unsigned long group)
{
	for (size_t n = 0; n < process->groups.count; n++)
		if (host_id(map, process->groups.items[n]) == group)
			return true;
	return false;
}

/* A user namespace that was joined may not let groups be set; they are then the caller's. */
static bool groups_are_denied(const struct confine *c)
{
	char text[8];
	struct err ignored;

	return c->user_ns && !c->process->groups.count &&
	       procfs_read(c->procfs, c->pid, "setgroups", text, sizeof(text), &ignored) > 0 &&
	       !strcmp(text, "deny");
}

/* Every group that is there was asked for; duplicates in the configuration are no matter. */
static int check_groups(const struct confine *c, const char *status, const char *map,
			struct err *e)
{
	const char *at = field(status, "Groups");

	if (!c->process->set_groups || !at || groups_are_denied(c))
		return 0;
	for (;;) {
		char *end;
		unsigned long group;

		while (*at == ' ' || *at == '\t')
			at++;
		group = strtoul(at, &end, 10);
		if (end == at || *at == '\n')
			return 0;
		if (!has_group(c->process, map, group))
			return err_set(e, ERR_INTERNAL,
				       "process.user.additionalGids: group %lu is there too", group);
		at = end;
	}
}

static int read_back(const struct confine *c, struct err *e)
{
	static char status[STATUS_ROOM];
	const struct plan_process *p = c->process;
	uint64_t known = c->cap_last >= 63 ? UINT64_MAX : (1ULL << (c->cap_last + 1)) - 1;
	uint64_t more = c->keeps_admin ? 1ULL << CAP_SYS_ADMIN : 0;
	const char *nnp, *uid_map = NULL, *gid_map = NULL;
	static char maps[2][MAP_ROOM];

	if (procfs_read(c->procfs, c->pid, "status", status, sizeof(status), e) < 0)
		return -1;
	if (c->user_ns) {
		if (procfs_read(c->procfs, c->pid, "uid_map", maps[0], MAP_ROOM, e) < 0 ||
		    procfs_read(c->procfs, c->pid, "gid_map", maps[1], MAP_ROOM, e) < 0)
			return -1;
		uid_map = maps[0];
		gid_map = maps[1];
	}
	if (check_id(status, "Uid", uid_map, p->uid, e) < 0 ||
	    check_id(status, "Gid", gid_map, p->gid, e) < 0 ||
	    check_groups(c, status, gid_map, e) < 0 ||
	    check_caps(status, "CapInh", p->cap_inheritable, e) < 0 ||
	    check_caps(status, "CapPrm", p->cap_permitted | more, e) < 0 ||
	    check_caps(status, "CapEff", p->cap_effective | more, e) < 0 ||
	    check_caps(status, "CapBnd", p->cap_bounding & known, e) < 0 ||
	    check_caps(status, "CapAmb", p->cap_ambient, e) < 0)
		return -1;
	nnp = field(status, "NoNewPrivs");
	if (p->no_new_privs && (!nnp || strtol(nnp, NULL, 10) != 1))
		return err_set(e, ERR_INTERNAL, "process.noNewPrivileges: is not in force");
	return 0;
}

int confine_process(const struct confine *c, struct err *e)
{
	if (set_oom_score(c, e) < 0)
		return -1;
	if (c->process->selinux_label &&
	    label_read_back(c->procfs, c->pid, c->process->selinux_label, e) < 0)
		return err_in(e, "read back");
	return read_back(c, e) < 0 ? err_in(e, "read back") : 0;
}
