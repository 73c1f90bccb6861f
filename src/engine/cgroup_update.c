/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup_update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/cgroup_controllers.h"
#include "orlop/auto.h"

enum { OLD_MAX = 64 * 1024 };

/* Files that have a line for each device or resource, and what a line says that is not there. */
static const struct keyed {
	const char *file, *none;	/* NULL: every line that may be written is there */
} keyed_files[] = {
	{ "io.max", "rbps=max wbps=max riops=max wiops=max" },
	{ "io.latency", "target=0" },
	{ "io.weight", "default" },
	{ "io.bfq.weight", "default" },
	{ "io.cost.qos", NULL },
	{ "io.cost.model", NULL },
	{ "rdma.max", NULL },
	{ "misc.max", NULL },
	{ "dmem.max", NULL },
};

static const struct keyed *find_keyed(const char *file)
{
	for (size_t i = 0; i < ARRAY_LEN(keyed_files); i++)
		if (strcmp(keyed_files[i].file, file) == 0)
			return &keyed_files[i];
	return NULL;
}

/* The line of a text that begins with these bytes and a blank, or NULL. */
static const char *line_of(const char *text, const char *key, size_t len)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return line;
	}
	return NULL;
}

const char *cgroup_update_inverse(const char *file, const char *old, const char *value,
				  struct arena *a)
{
	const struct keyed *keyed = find_keyed(file);
	size_t len = strcspn(value, " \n");
	const char *line;

	if (!keyed)
		return arena_strdup(a, *old ? old : "\n");	/* no byte would not be a write */
	/* A weight alone is the one for all devices. */
	if (!strchr(value, ':') && strstr(file, ".weight")) {
		value = "default";
		len = strlen(value);
	}
	line = line_of(old, value, len);
	if (line)
		return arena_strndup(a, line, strcspn(line, "\n"));
	return keyed->none ? arena_printf(a, "%.*s %s", (int)len, value, keyed->none) : NULL;
}

void cgroup_update_undo(int group, const struct cgroup_changes *changes, struct err *e)
{
	for (size_t i = changes->count; i-- > 0;) {
		const struct cgroup_change *c = &changes->items[i];

		if (file_write(group, c->file, c->value) < 0)
			err_hint(e, "%s could not be set back to \"%.80s\": %s", c->file, c->value,
				 err_errno_text(errno));
	}
}

/*
 * A group with processes cannot go back to "what is above it has" (ENOSPC); what that was is as
 * near as the kernel allows.
 */
static bool note_cpuset(int group, const char *file, char *old, struct arena *a)
{
	if (*old || (strcmp(file, "cpuset.cpus") != 0 && strcmp(file, "cpuset.mems") != 0))
		return true;
	return file_read(group, arena_printf(a, "%s.effective", file), old, OLD_MAX) >= 0;
}

/* Notes what the write is going to replace. A file that cannot be read is written all the same. */
static bool note_old(int group, const struct plan_cgroup_write *w, char *old, struct arena *a,
		     struct cgroup_change *ret)
{
	const char *file = w->file, *value = w->value;

	if (w->other_file && faccessat(group, file, F_OK, 0) < 0) {
		file = w->other_file;
		value = w->other_value;
	}
	if (strchr(file, '/') || file_read(group, file, old, OLD_MAX) < 0 ||
	    !note_cpuset(group, file, old, a))
		return false;
	*ret = (struct cgroup_change){ file, cgroup_update_inverse(file, old, value, a) };
	return ret->value;
}

int cgroup_update(int group, const struct plan_cgroup *plan, struct arena *a,
		  struct cgroup_changes *ret, struct err *e)
{
	auto_free char *old = malloc(OLD_MAX);
	struct cgroup_changes changes = {
		.items = arena_new_array(a, struct cgroup_change, plan->writes.count),
	};

	if (!old)
		return err_sys(e, "update the cgroup");
	/* First, so that every file that can be there has a value to go back to. */
	if (plan->controllers.count && cgroup_controllers_enable(group, plan, e) < 0)
		return -1;
	for (size_t i = 0; i < plan->writes.count; i++) {
		struct plan_cgroup one = {
			.driver = plan->driver, .path = plan->path,
			.writes = { .items = &plan->writes.items[i], .count = 1 },
		};
		bool noted = note_old(group, &plan->writes.items[i], old, a,
				      &changes.items[changes.count]);

		if (cgroup_apply(group, &one, e) < 0) {
			cgroup_update_undo(group, &changes, e);
			return -1;
		}
		changes.count += noted;
	}
	*ret = changes;
	return 0;
}
