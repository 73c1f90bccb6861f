/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/mountinfo.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "orlop/auto.h"

enum { TEXT_MAX = 64 << 20 };

const char *mountinfo_read(pid_t pid, struct arena *a, struct err *e)
{
	char path[48] = "/proc/self/mountinfo";
	const char *text = NULL;
	auto_fd int fd = -1;
	size_t len;

	if (pid > 0)
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		text = fd_read_text(fd, TEXT_MAX, a, &len);
	if (!text)
		err_sys(e, "%s", path);
	return text;
}

/* Blanks and backslashes are written as three octal digits. */
static void unescape(char *to, size_t room, const char *from, const char *end)
{
	while (from < end && room > 1) {
		if (*from == '\\' && end - from > 3) {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
		room--;
	}
	*to = '\0';
}

const char *mountinfo_next(const char *at, struct mountinfo *ret)
{
	unsigned major, minor;
	const char *path;
	int from = 0;

	if (sscanf(at, "%u %*u %u:%u %*s %n", &ret->id, &major, &minor, &from) < 3 || !from)
		return NULL;
	path = at + from;
	ret->dev = makedev(major, minor);
	unescape(ret->path, sizeof(ret->path), path, path + strcspn(path, " \n"));
	at = path + strcspn(path, "\n");
	return *at ? at + 1 : at;
}
