/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup_options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "base/mounts.h"
#include "orlop/auto.h"

const char *cgroup_options(const char *mount, struct arena *a, struct err *e)
{
	const struct mount *found;
	struct mounts mounts;

	if (mounts_of(0, a, &mounts, e) < 0)
		return NULL;
	found = mounts_at(&mounts, mount);
	if (!found) {
		err_set(e, ERR_SYSTEM, "nothing is mounted at %s", mount);
		return NULL;
	}
	return found->options;
}

int cgroup_options_keep(const char *mount, const char *options, struct arena *a, struct err *e)
{
	const char *now = cgroup_options(mount, a, e);
	auto_fd int fs = -1;
	char *words = arena_strdup(a, options), *rest;

	if (!now)
		return -1;
	if (!strcmp(now, options))
		return 0;
	fs = fspick(AT_FDCWD, mount, FSPICK_CLOEXEC);
	if (fs < 0)
		return err_sys(e, "options of %s", mount);
	for (char *word = strtok_r(words, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
		if (strcmp(word, "rw") != 0 && fsconfig(fs, FSCONFIG_SET_FLAG, word, NULL, 0) < 0)
			return err_sys(e, "options of %s: %s", mount, word);
	if (fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return err_sys(e, "options of %s", mount);
	return 0;
}
