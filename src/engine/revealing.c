/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/revealing.h"

#include <string.h>

#include "base/file.h"
#include "base/mounts.h"

enum { TABLE_MAX = 16 << 20 };

static bool is_revealing(const struct mount *m)
{
	return !strcmp(m->root, "/") && (!strcmp(m->type, "proc") || !strcmp(m->type, "sysfs"));
}

struct str_list revealing_mounts(struct arena *a)
{
	char *table = file_read_path("/proc/self/mountinfo", TABLE_MAX, a, NULL);
	struct mounts mounts = mounts_read(table, a);
	struct str_list list = { 0 };

	list.items = arena_new_array(a, char *, mounts.count);
	for (size_t n = mounts.count; n > 0; n--)
		if (is_revealing(&mounts.items[n - 1]))
			list.items[list.count++] = arena_strdup(a, mounts.items[n - 1].point);
	return list;
}
