/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The files that say where a container's groups are, in the cgroup tree and in
 * resctrl: written before the groups are made, so that a crash leaves nothing that cannot be found.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "orlop/state.h"
#include "state/identity.h"
#include "state/store.h"

enum {
	QUOTED = 80,			/* bytes of a path in a message */
	PLACES_MAX = 3 * PATH_MAX,
};

static const char cgroup_file[] = "cgroup", kept_file[] = "cgroup.kept";
static const char resctrl_file[] = "resctrl";

bool store_is_unit(const char *unit, const char *path)
{
	const char *name = strrchr(path, '/');

	return name && name[1] && strcmp(name + 1, unit) == 0;
}

/* Two paths, perhaps a unit, and whose they are: of which container, since which boot. */
static int write_paths(int dir, const char *file, const char *id, const char *path,
		       const char *mount, const char *unit, struct err *e)
{
	char boot[BOOT_ID_LEN + 1], text[PLACES_MAX];
	int len;

	if (identity_boot(boot) < 0)
		return err_sys(e, "read the boot id");
	if (strchr(mount, '\n') || strchr(path, '\n'))
		return err_set(e, ERR_CONFIG, "a path for the %s file has a line break in it", file);
	BUG_ON(unit && !store_is_unit(unit, path));
	len = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s\n%s%s", path, mount, id, boot,
		       unit ? unit : "", unit ? "\n" : "");
	if (len < 0 || (size_t)len >= sizeof(text))
		return err_sys_code(e, ENAMETOOLONG, "%s \"%.*s\"", file, QUOTED, path);
	/* Written once; what a crash leaves of it is no whole line and is not believed. */
	if (file_create(dir, file, text, (size_t)len) < 0 &&
	    (errno != EEXIST || file_replace(dir, file, text, (size_t)len) < 0) &&
	    !state_condemned(dir))
		return err_sys(e, "write the container's %s file", file);
	if (state_condemned(dir))
		return err_set(e, ERR_STATE, "container \"%.*s\" was deleted while it was created",
			       QUOTED, id);
	return 0;
}

int state_write_cgroup(int dir, const char *id, const char *mount, const char *path,
		       const char *unit, struct err *e)
{
	return write_paths(dir, cgroup_file, id, path, mount, unit, e);
}

int state_write_resctrl(int dir, const char *id, const char *group, const char *monitor,
			struct err *e)
{
	return write_paths(dir, resctrl_file, id, group, monitor, NULL, e);
}

/* Cuts the next line off a text; NULL when there is none left that ends. */
static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

bool store_is_path(const char *path)
{
	const char *name = path;

	while (*name == '/') {
		size_t len = strcspn(++name, "/");

		if (len == 0 || (len <= 2 && strncmp(name, "..", len) == 0))
			return false;
		name += len;
	}
	return *name == '\0';
}

static int read_paths(int dir, const char *file, const char *id, struct arena *a,
		      const char **ret_path, const char **ret_mount, const char **ret_unit,
		      struct err *e)
{
	char now[BOOT_ID_LEN + 1];
	size_t len = 0;
	char *text = state_read_file(dir, file, PLACES_MAX, a, &len);
	char *path, *mount, *owner, *boot, *unit;

	if (!text) {
		if (errno == ENOENT)
			return STATE_ABSENT;
		return err_sys(e, "read the container's %s file", file);
	}
	/* Whoever makes the container is about to write it, and has made no group yet. */
	if (len == 0)
		return STATE_ABSENT;
	path = next_line(&text);
	mount = path ? next_line(&text) : NULL;
	owner = mount ? next_line(&text) : NULL;
	boot = owner ? next_line(&text) : NULL;
	unit = boot && *text ? next_line(&text) : NULL;
	if (!boot || *text || (unit && !store_is_unit(unit, path)) || !store_is_path(path) ||
	    !store_is_path(mount))
		return err_set(e, ERR_STATE, "the container's %s file is not one of ours", file);
	if (identity_boot(now) < 0)
		return err_sys(e, "read the boot id");
	if (strcmp(owner, id) != 0 || strcmp(boot, now) != 0)
		return STATE_ABSENT;
	*ret_mount = mount;
	*ret_path = path;
	*ret_unit = unit;
	return 0;
}

int state_read_cgroup(int dir, const char *id, struct arena *a, const char **ret_mount,
		      const char **ret_path, const char **ret_unit, struct err *e)
{
	return read_paths(dir, cgroup_file, id, a, ret_path, ret_mount, ret_unit, e);
}

int state_keep_cgroup(int dir, struct err *e)
{
	if (file_create(dir, kept_file, "", 0) < 0 && errno != EEXIST)
		return err_sys(e, "write the container's %s file", kept_file);
	return 0;
}

bool state_cgroup_kept(int dir)
{
	return faccessat(dir, kept_file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int state_read_resctrl(int dir, const char *id, struct arena *a, const char **ret_group,
		       const char **ret_monitor, struct err *e)
{
	const char *no_unit;

	return read_paths(dir, resctrl_file, id, a, ret_group, ret_monitor, &no_unit, e);
}

int state_forget_resctrl(int dir, struct err *e)
{
	return unlinkat(dir, resctrl_file, 0) < 0 && errno != ENOENT ?
	       err_sys(e, "remove the container's %s file", resctrl_file) : 0;
}
