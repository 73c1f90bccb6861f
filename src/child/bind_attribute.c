/* SPDX-License-Identifier: Apache-2.0 */
#include "child/bind_attribute.h"

#include <linux/mount.h>
#include <sys/statfs.h>

/* f_flags of statfs(2), which libc does not name. */
enum {
	HAS_NOATIME = 0x400,
	HAS_NODIRATIME = 0x800,
	HAS_RELATIME = 0x1000,
	HAS_PLAIN = 0xf,	/* ro, nosuid, nodev, noexec: the numbers of MOUNT_ATTR_* */
};

static const uint64_t times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;

static uint64_t times_of(const struct statfs *fs)
{
	uint64_t has = fs->f_flags & HAS_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0;

	if (fs->f_flags & HAS_NOATIME)
		return has | MOUNT_ATTR_NOATIME;
	return has | (fs->f_flags & HAS_RELATIME ? MOUNT_ATTR_RELATIME : MOUNT_ATTR_STRICTATIME);
}

/*
 * "ro" is said by the superblock too, and no mount's attribute can take that back: only a mount
 * that is writable afterwards was locked.
 */
static int keep_locked(const struct child_mount *m, int fd)
{
	struct statfs fs;
	long error = SYS(fstatfs, fd, &fs);
	uint64_t has = fs.f_flags & HAS_PLAIN;

	if (error < 0)
		return (int)error;
	if (m->attr_clear & has & ~(uint64_t)MOUNT_ATTR_RDONLY)
		return -EPERM;
	if ((m->attr_clear & MOUNT_ATTR__ATIME) && (m->attr_set & times) != times_of(&fs))
		return -EPERM;
	error = sys_mount_setattr(fd, 0, m->attr_set,
				  m->attr_clear | (m->attr_unsaid & ~has), 0);
	if (error < 0 || !(m->attr_clear & has))
		return (int)error;
	error = SYS(fstatfs, fd, &fs);
	if (error < 0)
		return (int)error;
	return fs.f_flags & MOUNT_ATTR_RDONLY ? 0 : -EPERM;
}

int bind_attribute(const struct child_mount *m, int fd, bool in_user_ns)
{
	int error;

	if (!(m->attr_set | m->attr_clear | m->attr_unsaid))
		return 0;
	if (in_user_ns)
		return keep_locked(m, fd);
	/* The runtime itself may be in a user namespace, and its mounts locked. */
	error = sys_mount_setattr(fd, 0, m->attr_set, m->attr_clear | m->attr_unsaid, 0);
	return error == -EPERM ? keep_locked(m, fd) : error;
}
