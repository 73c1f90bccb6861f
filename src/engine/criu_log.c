/* SPDX-License-Identifier: Apache-2.0 */
/*
 * criu's log says all, and says it in thousands of lines: "(00.004711) Error (criu/x.c:12): text".
 * The first error is the cause (but for those of `little`), those after it are what came of it, and
 * the last says "FAILED".
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "engine/criu.h"
#include "orlop/auto.h"

enum {
	LOG_MAX = 64 << 20,
	HEAD_MAX = 24,		/* the time and a process id */
};

/* Errors that are not the cause, unless there is no other. */
static const char *const little[] = {
	"exited, status=",		/* a program that criu tried and can do without */
	"setup RLIMIT_NOFILE for self",	/* root without CAP_SYS_RESOURCE: it goes on */
	"FAILED",			/* of nothing but itself */
};

static bool says_little(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(little); i++) {
		if (strstr(text, little[i]))
			return true;
	}
	return false;
}

/* The text of an error in the line, which is terminated; NULL: it is none. */
static const char *error_in(const char *line)
{
	const char *at = strstr(line, "Error (");

	if (!at || at - line > HEAD_MAX)
		return NULL;
	at = strstr(at, "): ");
	return at && at[3] ? at + 3 : NULL;
}

const char *criu_log_cause(int dir, const char *name, struct arena *a)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const char *found = NULL;
	struct stat st;
	size_t len;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	text = fd_read_text(fd, LOG_MAX, a, &len);
	for (char *line = text; line && *line;) {
		size_t end = strcspn(line, "\n");
		bool last = !line[end];
		const char *error;

		line[end] = '\0';
		error = error_in(line);
		if (error && (!found || says_little(found)))
			found = error;
		if (last || (found && !says_little(found)))
			break;
		line += end + 1;
	}
	return found;
}
