/* SPDX-License-Identifier: Apache-2.0 */
#include "child/copy_up.h"

#include <linux/stat.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/path.h"

enum { DEPTH_MAX = 64, DIRENT_ROOM = 2048 };

struct kernel_dirent {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static int copy_attributes(int to, const char *name, const struct stat *st)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	long error = SYS(fchownat, to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);

	if (error >= 0 && !S_ISLNK(st->st_mode))	/* after chown, which clears setuid bits */
		error = SYS(fchmodat, to, name, st->st_mode & 07777);
	if (error >= 0)
		error = SYS(utimensat, to, name, times, AT_SYMLINK_NOFOLLOW);
	return (int)error;
}

static int copy_bytes(int from, const char *name, int to)
{
	int in = sys_openat2(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, RESOLVE_BENEATH);
	int out;
	long n = in;

	if (in < 0)
		return in;
	out = (int)SYS(openat, to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		n = out;
	else
		while ((n = SYS(sendfile, out, in, NULL, 1 << 30)) > 0)
			;
	sys_close(in);
	if (out >= 0)
		sys_close(out);
	return (int)n;
}

static int copy_dir(int from, int to, unsigned depth);

static int copy_subdir(int from, const char *name, int to, unsigned depth)
{
	int in, out;
	long error = SYS(mkdirat, to, name, 0700);

	if (error < 0)
		return (int)error;
	in = sys_openat2(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			 RESOLVE_BENEATH | RESOLVE_NO_XDEV);
	if (in == -EXDEV)		/* a mount point: its own content comes with its own mount */
		return 0;
	out = (int)SYS(openat, to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	error = in < 0 ? in : out;
	if (error >= 0)
		error = copy_dir(in, out, depth + 1);
	if (in >= 0)
		sys_close(in);
	if (out >= 0)
		sys_close(out);
	return (int)error;
}

static int copy_entry(int from, const char *name, int to, unsigned depth)
{
	struct stat st;
	long error = SYS(newfstatat, from, name, &st, AT_SYMLINK_NOFOLLOW);

	if (error < 0)
		return (int)error;
	if (S_ISDIR(st.st_mode))
		error = copy_subdir(from, name, to, depth);
	else if (S_ISREG(st.st_mode))
		error = copy_bytes(from, name, to);
	else if (S_ISLNK(st.st_mode))
		error = path_copy_link(from, name, to, name);
	else if (S_ISSOCK(st.st_mode))
		return 0;		/* nobody listens behind a copy */
	else
		error = SYS(mknodat, to, name, st.st_mode, st.st_rdev);
	return error < 0 ? (int)error : copy_attributes(to, name, &st);
}

static int copy_dir(int from, int to, unsigned depth)
{
	_Alignas(8) char room[DIRENT_ROOM];
	long len;

	if (depth > DEPTH_MAX)
		return -CHILD_E_TOO_DEEP;
	while ((len = SYS(getdents64, from, room, sizeof(room))) > 0)
		for (long at = 0; at < len;) {
			struct kernel_dirent *entry = (void *)(room + at);
			int error = 0;

			if (!bytes_equal(entry->name, ".") && !bytes_equal(entry->name, ".."))
				error = copy_entry(from, entry->name, to, depth);
			if (error < 0)
				return error;
			at += entry->length;
		}
	return (int)len;
}

int copy_up(int from, int to)
{
	/* Both were opened as places only; reading needs descriptors of their own. */
	int in = (int)SYS(openat, from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int out = (int)SYS(openat, to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int error = in < 0 ? in : out;

	if (error >= 0)
		error = copy_dir(in, out, 0);
	if (in >= 0)
		sys_close(in);
	if (out >= 0)
		sys_close(out);
	return error;
}
