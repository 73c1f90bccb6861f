/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resctrl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/cgroup.h"
#include "orlop/auto.h"

#ifndef RDTGROUP_SUPER_MAGIC
#define RDTGROUP_SUPER_MAGIC 0x7655821
#endif

enum { SCHEMATA_ROOM = 16 * 1024, STATUS_ROOM = 256 };

static const char usual_place[] = "/sys/fs/resctrl";

int resctrl_open(struct err *e)
{
	auto_fd int fd = open(usual_place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC)
		return take_fd(&fd);
	err_set(e, ERR_SYSTEM, "linux.intelRdt: resctrl is not mounted on %s", usual_place);
	return err_hint(e, "mount -t resctrl resctrl %s, on a CPU that has it", usual_place);
}

/* Paths of the plan begin with "/" and are single names; a link can be no group. */
static int open_group(int root, const char *group)
{
	return openat(root, group[1] ? group + 1 : ".",
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int resctrl_is_new(int root, const struct plan_rdt *plan, struct err *e)
{
	auto_fd int fd = open_group(root, plan->group);

	if (fd < 0 && errno != ENOENT)
		return err_sys(e, "linux.intelRdt: group %s", plan->group);
	if (fd >= 0 && plan->own)
		return err_set(e, ERR_CONFIG, "linux.intelRdt: a group %s is there already",
			       plan->group);
	if (fd < 0 && !plan->may_make)
		return err_set(e, ERR_CONFIG,
			       "linux.intelRdt.closID: there is no group %s, and without a schema "
			       "none is made", plan->group);
	return fd < 0;
}

/* The kernel explains a refusal in a file of its own. */
static int refused(int root, const char *what, const char *value, struct err *e)
{
	char status[STATUS_ROOM];
	int code = errno;
	ssize_t n = file_read(root, "info/last_cmd_status", status, sizeof(status));

	err_sys_code(e, code, "linux.intelRdt: %s \"%.200s\"", what, value);
	if (n > 0 && strncmp(status, "ok", 2) != 0)
		err_hint(e, "the kernel says: %.*s", (int)strcspn(status, "\n"), status);
	return -1;
}

static int write_schemata(int root, int group, const struct plan_rdt *plan, struct err *e)
{
	for (size_t n = 0; n < plan->schemata.count; n++) {
		char line[SCHEMATA_ROOM];
		int len = snprintf(line, sizeof(line), "%s\n", plan->schemata.items[n]);

		if (len < 0 || (size_t)len >= sizeof(line))
			return err_set(e, ERR_CONFIG, "linux.intelRdt: schema is too long");
		if (file_write(group, "schemata", line) < 0)
			return refused(root, "write schema", plan->schemata.items[n], e);
	}
	return 0;
}

/* "  L3:0=ff;1=ff": the part behind the colon, when the line is of this resource. */
static const char *values_of(const char *line, const char *resource, size_t len)
{
	while (*line == ' ' || *line == '\t')
		line++;
	return strncmp(line, resource, len) == 0 && line[len] == ':' ? line + len + 1 : NULL;
}

/* The value for a domain in "0=ff;1=0ff", as a number where it is one; false: not there. */
static bool find_value(const char *values, unsigned long domain, int base,
		       unsigned long long *ret)
{
	for (;;) {
		char *end;
		unsigned long id = strtoul(values, &end, 10);

		if (end == values || *end != '=')
			return false;
		values = end + 1;
		*ret = strtoull(values, &end, base);
		if (end == values)
			return false;
		if (id == domain)
			return true;
		values = end + strcspn(end, ";\n");
		if (*values != ';')
			return false;
		values++;
	}
}

/* Bandwidth is decimal, bit masks of caches are hexadecimal. */
static int base_of(const char *resource)
{
	return strncmp(resource, "MB", 2) == 0 || strncmp(resource, "SMBA", 4) == 0 ? 10 : 16;
}

/* Whether every value of a wanted line is in force; leading zeros and the order are no matter. */
static bool is_in_force(const char *have, const char *wanted)
{
	const char *values, *there = NULL, *at;
	size_t len;

	wanted += strspn(wanted, " \t");
	len = strcspn(wanted, ":");
	if (wanted[len] != ':')
		return false;
	for (const char *line = have; line && !there; line = strchr(line, '\n')) {
		line += *line == '\n';
		there = values_of(line, wanted, len);
	}
	values = wanted + len + 1;
	for (at = values; there && *at;) {
		unsigned long long want, is;
		char *end;
		unsigned long domain = strtoul(at, &end, 10);

		if (end == at || *end != '=' || !find_value(at, domain, base_of(wanted), &want) ||
		    !find_value(there, domain, base_of(wanted), &is) || want != is)
			return false;
		at = end + strcspn(end, ";");
		at += *at == ';';
	}
	return there && *values;
}

static int compare_schemata(int group, const struct plan_rdt *plan, struct err *e)
{
	char have[SCHEMATA_ROOM];

	if (!plan->schemata.count)
		return 0;
	if (file_read(group, "schemata", have, sizeof(have)) < 0)
		return err_sys(e, "linux.intelRdt: read the schemata of %s", plan->group);
	for (size_t n = 0; n < plan->schemata.count; n++)
		if (!is_in_force(have, plan->schemata.items[n]))
			return err_set(e, ERR_CONFIG,
				       "linux.intelRdt: the group %s is there and differs: "
				       "\"%.100s\" is not in its schemata", plan->group,
				       plan->schemata.items[n]);
	return 0;
}

static int fill(int root, const struct plan_rdt *plan, bool made, struct err *e)
{
	auto_fd int group = open_group(root, plan->group);

	if (group < 0)
		return err_sys(e, "linux.intelRdt: group %s", plan->group);
	if ((made ? write_schemata(root, group, plan, e) : compare_schemata(group, plan, e)) < 0)
		return -1;
	if (plan->monitor && mkdirat(root, plan->monitor + 1, 0755) < 0)
		return refused(root, "group for monitoring", plan->monitor, e);
	return 0;
}

int resctrl_prepare(int root, const struct plan_rdt *plan, bool make, struct err *e)
{
	struct err ignored;

	if (make && mkdirat(root, plan->group + 1, 0755) < 0)
		return refused(root, "make group", plan->group, e);
	if (fill(root, plan, make, e) == 0)
		return 0;
	if (make && resctrl_remove(root, plan->group, false, &ignored) < 0)
		err_hint(e, "the group %s is left", plan->group);
	return -1;
}

static int join_one(int root, const char *group, pid_t pid, struct err *e)
{
	auto_fd int fd = open_group(root, group);
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	if (fd < 0 || file_write(fd, "tasks", text) < 0)
		return refused(root, "put the process into group", group, e);
	return 0;
}

int resctrl_join(int root, const struct plan_rdt *plan, pid_t pid, struct err *e)
{
	if (join_one(root, plan->group, pid, e) < 0)
		return -1;
	return plan->monitor ? join_one(root, plan->monitor, pid, e) : 0;
}

enum { PASSES_MAX = 64 };

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static bool is_among(const struct cgroup_pids *known, int thread)
{
	return known->count &&
	       bsearch(&thread, known->items, known->count, sizeof(thread), by_number);
}

/*
 * A thread is made in the group of its maker. So when a list names nobody that the one before did
 * not, whose threads were all moved, everybody is there.
 */
int resctrl_join_all(int root, const struct plan_rdt *plan, int cgroup, struct arena *a,
		     struct err *e)
{
	auto_fd int fd = open_group(root, plan->group);
	struct cgroup_pids before = { 0 }, now;

	if (fd < 0)
		return err_sys(e, "linux.intelRdt: group %s", plan->group);
	for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
		size_t strange = 0;

		if (cgroup_threads(cgroup, a, &now, e) < 0)
			return -1;
		for (size_t i = 0; i < now.count; i++) {
			char text[16];

			strange += !is_among(&before, now.items[i]);
			snprintf(text, sizeof(text), "%d", now.items[i]);
			/* 0: not of this pid namespace; written, it would be ourselves. */
			if (!now.items[i])
				return err_set(e, ERR_STATE, "linux.intelRdt: a process of the "
					       "container is in no pid namespace of ours");
			if (file_write(fd, "tasks", text) < 0 && errno != ESRCH)
				return refused(root, "put the processes into group", plan->group,
					       e);
		}
		if (!strange)
			return 0;
		before = now;
	}
	err_set(e, ERR_STATE, "linux.intelRdt: the container makes processes faster than they can "
		"be put into the group %s", plan->group);
	return err_hint(e, "pause it meanwhile");
}

/* "L3" of " L3:0=f": what a line is about, up to the colon. */
static size_t resource_len(const char **line)
{
	*line += strspn(*line, " \t");
	return strcspn(*line, ":\n");
}

/* A restored line holds all values of the resource, so one for each is enough. */
void resctrl_restore(int root, const struct plan_rdt *plan, const char *old, struct err *e)
{
	auto_fd int group = open_group(root, plan->group);
	char line[SCHEMATA_ROOM];

	for (; *old; old += strcspn(old, "\n"), old += *old == '\n') {
		size_t len = resource_len(&old);
		bool changed = false;

		for (size_t n = 0; n < plan->schemata.count && !changed; n++) {
			const char *wanted = plan->schemata.items[n];

			changed = resource_len(&wanted) == len && strncmp(wanted, old, len) == 0;
		}
		if (!changed)
			continue;
		snprintf(line, sizeof(line), "%.*s\n", (int)strcspn(old, "\n"), old);
		if (group < 0 || file_write(group, "schemata", line) < 0)
			err_hint(e, "the group %s may keep the new %.*s: %s", plan->group, (int)len,
				 old, err_errno_text(errno));
	}
}

int resctrl_change(int root, const struct plan_rdt *plan, struct arena *a, const char **ret_old,
		   struct err *e)
{
	auto_fd int group = open_group(root, plan->group);
	char have[SCHEMATA_ROOM];

	if (group < 0 || file_read(group, "schemata", have, sizeof(have)) < 0)
		return err_sys(e, "linux.intelRdt: read the schemata of %s", plan->group);
	*ret_old = arena_strdup(a, have);
	if (write_schemata(root, group, plan, e) == 0)
		return 0;
	resctrl_restore(root, plan, *ret_old, e);
	return -1;
}

int resctrl_remove(int root, const char *group, bool shared, struct err *e)
{
	auto_fd int fd = *group ? open_group(root, group) : -1;
	char text[16];

	if (fd < 0 && (!*group || errno == ENOENT))
		return 0;
	if (fd < 0)
		return err_sys(e, "remove the resctrl group %s", group);
	if (shared && file_read(fd, "tasks", text, sizeof(text)) != 0)
		return 0;
	if (unlinkat(root, group + 1, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, "remove the resctrl group %s", group);
	return 0;
}
