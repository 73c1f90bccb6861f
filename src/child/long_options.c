/* SPDX-License-Identifier: Apache-2.0 */
#include "child/long_options.h"

#include <linux/mount.h>

#include "child/bytes.h"

enum {
	FSCONFIG_MAX = 255,	/* fs/fsopen.c */
	STRING_SIZE = 4096,	/* fs/namespace.c: a page; what is behind its end is cut off */
	NO_FOLLOW = 8,		/* UMOUNT_NOFOLLOW */
	DETACH = 2,		/* MNT_DETACH */
};

/* Of "word" or "key=value". */
static size_t value_length(const char *option)
{
	const char *equals = bytes_find(option, '=');

	return strlen(equals ? equals + 1 : option);
}

bool has_long_options(const struct child *c, const struct child_mount *m)
{
	const char *source = child_string(c, m->source);

	for (uint32_t n = 0; n < m->data.count; n++)
		if (value_length(child_item_string(c, m->data, n)) > FSCONFIG_MAX)
			return true;
	return source && strlen(source) > FSCONFIG_MAX;
}

/* Adds one to the string; false when there is no room. */
static bool add(char *string, size_t *len, const char *option)
{
	size_t more = strlen(option);

	if (*len + more + 2 > STRING_SIZE)
		return false;
	if (*len)
		string[(*len)++] = ',';
	memcpy(string + *len, option, more + 1);
	*len += more;
	return true;
}

static bool join_options(struct child *c, const struct child_mount *m, const char *more,
			 char *string)
{
	size_t len = 0;

	string[0] = '\0';
	for (uint32_t n = 0; n < m->data.count; n++)
		if (!add(string, &len, child_item_string(c, m->data, n)))
			return false;
	return !more || add(string, &len, more);
}

/* A tmpfs over the root, below which nothing of it is reached by name. */
static int make_place(struct child *c)
{
	int fs = (int)SYS(fsopen, "tmpfs", FSOPEN_CLOEXEC), place;
	long error = fs;

	if (error >= 0)
		error = SYS(fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	place = error < 0 ? (int)error : (int)SYS(fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (fs >= 0)
		sys_close(fs);
	if (place < 0)
		return place;
	error = SYS(mkdirat, place, "m", 0700);
	if (error >= 0)
		error = sys_attach(place, c->root);
	if (error >= 0)
		return place;
	sys_close(place);
	return (int)error;
}

/* With the working directory in the place: mount(2) and umount(2) know names only. */
static int make_there(const char *source, const char *fstype, const char *string,
		      uint64_t attributes)
{
	long error = SYS(mount, source, "m", fstype, 0, string);
	int fd;

	if (error < 0)
		return (int)error;
	fd = sys_open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	error = SYS(umount2, "m", DETACH | NO_FOLLOW);
	if (fd >= 0 && error >= 0)
		error = sys_mount_setattr(fd, 0, attributes, MOUNT_ATTR__ATIME, 0);
	if (fd < 0 || error >= 0)
		return fd;
	sys_close(fd);
	return (int)error;
}

int make_by_string(struct child *c, const struct child_mount *m, const char *fstype,
		   const char *more, uint64_t attributes)
{
	static char string[STRING_SIZE];
	int here, place, fd;
	long error;

	if (!join_options(c, m, more, string)) {
		child_detail(c, "mount(2) takes 4095 bytes of options, and these are more");
		return -E2BIG;
	}
	here = (int)SYS(openat, AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	place = here < 0 ? here : make_place(c);
	if (place < 0)
		return place;
	error = SYS(fchdir, place);
	fd = error < 0 ? (int)error :
			 make_there(child_string(c, m->source), fstype, string, attributes);
	if (error >= 0)
		error = SYS(umount2, ".", DETACH | NO_FOLLOW);
	if (error >= 0)
		error = SYS(fchdir, here);
	if (error < 0 && fd >= 0) {
		sys_close(fd);
		fd = (int)error;
	}
	sys_close(place);
	sys_close(here);
	return fd;
}
