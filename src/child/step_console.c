/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The terminal: a pty from the container's own devpts, found through descriptors only,
 * checked to be one, its master sent to the parent (CVE-2025-52565).
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <asm/termios.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/path.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static int open_master(int root)
{
	int fd = sys_openat2(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
			     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT ? -CHILD_E_NO_DEVPTS : fd;
	if (SYS(fstatfs, fd, &fs) < 0 || SYS(fstat, fd, &st) < 0)
		return -CHILD_E_NO_DEVPTS;
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != 0x502)
		return -CHILD_E_NO_DEVPTS;
	SYS(fcntl, fd, F_SETFL, O_RDWR);
	return fd;
}

static int set_size(struct child *c, int master)
{
	struct winsize size = { .ws_row = c->plan->console_height,
				.ws_col = c->plan->console_width };

	if (!size.ws_row && !size.ws_col)
		return 0;
	return (int)SYS(ioctl, master, TIOCSWINSZ, &size);
}

/* /dev/console is the terminal itself, by its descriptor. */
static int cover_console(struct child *c, int slave)
{
	int place = path_make(c->root, "/dev/console", true), tree;

	if (place < 0)
		return place;
	tree = sys_open_tree(slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return tree;
	return sys_attach(tree, place);
}

static int take_terminal(int slave)
{
	long error = SYS(ioctl, slave, TIOCSCTTY, 0);

	for (int fd = 0; fd < 3 && error >= 0; fd++)
		error = SYS(dup3, slave, fd, 0);
	return (int)error;
}

int step_console(struct child *c)
{
	int root = child_flag(c, CHILD_EXEC) ? AT_FDCWD : c->root;
	int master, slave, number = 0, error = 0;
	long fd;

	if (!child_flag(c, CHILD_TERMINAL))
		return 0;
	if (child_flag(c, CHILD_EXEC)) {	/* "/" is the container's already */
		root = (int)SYS(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		if (root < 0)
			return root;
	}
	master = open_master(root);
	if (master < 0)
		return master;
	fd = SYS(ioctl, master, TIOCSPTLCK, &number);
	if (fd >= 0)
		fd = SYS(ioctl, master, TIOCGPTN, &number);
	if (fd >= 0)
		fd = SYS(ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	slave = (int)fd;
	error = set_size(c, master);
	if (error >= 0 && !child_flag(c, CHILD_EXEC))
		error = cover_console(c, slave);
	if (error >= 0)
		error = take_terminal(slave);
	if (error < 0)
		return error;
	memcpy(c->detail, "/dev/pts/", 9);
	bytes_decimal(c->detail + 9, (uint64_t)number);
	error = child_send(c, CHILD_CONSOLE, CHILD_STEP_CONSOLE, master);
	c->detail[0] = '\0';
	child_close_temporary(c);
	return error;
}

/*
 * The program's own streams are its user's: otherwise a user other than root could not open its
 * /dev/stdout. The null device is everybody's and stays as it is.
 */
int step_stdio(struct child *c)
{
	uint32_t uid = c->plan->uid;

	for (int fd = 0; fd < 3; fd++) {
		struct stat st;
		long error = SYS(fstat, fd, &st);

		if (error < 0)
			return (int)error;
		if (st.st_uid == uid || (S_ISCHR(st.st_mode) && st.st_rdev == 0x103))
			continue;
		error = SYS(fchown, fd, uid, -1);
		/* Not ours to give, not mapped here, or read-only: the user of it will see. */
		if (error < 0 && error != -EPERM && error != -EROFS && error != -EINVAL)
			return (int)error;
	}
	return 0;
}
