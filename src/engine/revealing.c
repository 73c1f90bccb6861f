/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/revealing.h"

#include <string.h>

#include "base/mounts.h"

static bool is_revealing(const struct mount *m)
{
	return !strcmp(m->root, "/") && (!strcmp(m->type, "proc") || !strcmp(m->type, "sysfs"));
}

int revealing_mounts(struct arena *a, struct str_list *ret, struct err *e)
{
	struct str_list list = { 0 };
	struct mounts mounts;

	if (mounts_of(0, a, &mounts, e) < 0)
		return -1;
	list.items = arena_new_array(a, char *, mounts.count);
	for (size_t n = mounts.count; n > 0; n--)
		if (is_revealing(&mounts.items[n - 1]))
			list.items[list.count++] = arena_strdup(a, mounts.items[n - 1].point);
	*ret = list;
	return 0;
}
