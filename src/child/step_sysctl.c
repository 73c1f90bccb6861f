/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Kernel parameters of the container's own namespaces, written through a procfs that
 * exists for the moment of writing, where the kernel makes one. The planner let only such through
 * as belong to a namespace that is the container's.
 */
#include "child/bytes.h"
#include "child/child.h"
#include "child/procfs.h"

int step_sysctl(struct child *c)
{
	const struct child_pair *settings = child_items(c, c->plan->sysctls);
	char path[256] = "sys/";
	int procfs, error = 0;

	if (!c->plan->sysctls.count)
		return 0;
	procfs = procfs_open_early(false);
	if (procfs < 0)
		return procfs;
	for (uint32_t n = 0; n < c->plan->sysctls.count && error >= 0; n++) {
		const char *key = child_string(c, settings[n].key);
		size_t len = strlen(key);

		c->item = (int)n;
		child_detail(c, key);
		if (len >= sizeof(path) - 4)
			return -ENAMETOOLONG;
		memcpy(path + 4, key, len + 1);
		error = procfs_write(procfs, path, child_string(c, settings[n].value));
	}
	sys_close(procfs);
	return error;
}
