/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Kernel parameters of the container's own namespaces, written through a procfs that
 * exists for the moment of writing, where the kernel makes one. The planner let only such through
 * as belong to a namespace that is the container's.
 */
#include <linux/magic.h>
#include <sys/statfs.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/procfs.h"

enum { PROC_ROOT_INODE = 1 };

/*
 * The kernel makes none in a user namespace for a pid namespace that is not below it. But the
 * caller's is still at /proc, and parameters are those of who opens them, whatever the procfs.
 */
static int open_parameters(void)
{
	int procfs = procfs_open(false);
	struct statfs fs;
	struct stat st;

	if (procfs != -EPERM)
		return procfs;
	procfs = (int)SYS(openat, AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (procfs < 0 || (SYS(fstatfs, procfs, &fs) >= 0 && fs.f_type == PROC_SUPER_MAGIC &&
			   SYS(fstat, procfs, &st) >= 0 && st.st_ino == PROC_ROOT_INODE))
		return procfs;
	sys_close(procfs);
	return -EPERM;
}

int step_sysctl(struct child *c)
{
	const struct child_pair *settings = child_items(c, c->plan->sysctls);
	char path[256] = "sys/";
	int procfs, error = 0;

	if (!c->plan->sysctls.count)
		return 0;
	procfs = open_parameters();
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
