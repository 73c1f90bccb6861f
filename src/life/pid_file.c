/* SPDX-License-Identifier: Apache-2.0 */
#include "life/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "orlop/auto.h"

int pid_file_write(const char *path, pid_t pid, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char temporary[PATH_MAX], number[16];
	int len = snprintf(temporary, sizeof(temporary), "%.*s.%s", (int)(base - path), path, base);

	if (!*base || len < 0 || (size_t)len >= sizeof(temporary))
		return err_sys_code(e, *base ? ENAMETOOLONG : EISDIR, "pid file %s", path);
	snprintf(number, sizeof(number), "%d", (int)pid);
	/* One that a crash left behind is in the way. */
	unlink(temporary);
	auto_fd int fd =
		open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd >= 0 && fd_write_all(fd, number, strlen(number)) == 0 &&
	    rename(temporary, path) == 0)
		return 0;
	err_sys(e, "pid file %s", path);
	if (fd >= 0)
		unlink(temporary);
	return -1;
}
