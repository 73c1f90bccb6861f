/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the audit log: broken with its places named, or whole; what is shown of it are lines
 * of it, and as many.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/audit.h"
#include "orlop/audit.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static char root[] = "/tmp/orlop-fuzz-audit-XXXXXX";

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void remove_root(void)
{
	if (chdir(root) == 0 && unlink(AUDIT_DIRECTORY "/log") == 0 && rmdir(AUDIT_DIRECTORY) == 0)
		rmdir(root);
}

static int open_log(void)
{
	int dir;

	must(mkdtemp(root) && atexit(remove_root) == 0);
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(dir >= 0 && mkdirat(dir, AUDIT_DIRECTORY, 0700) == 0);
	return openat(dir, AUDIT_DIRECTORY "/log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int count(void *argument, const struct audit_line *line, struct err *e)
{
	(void)e;
	must(line->text && line->number && strlen(line->text) <= AUDIT_FILE_MAX);
	++*(size_t *)argument;
	return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	static int fd = -1;
	struct arena a = ARENA_NONE;
	struct audit_check check = { 0 };
	struct err e = { 0 };
	size_t shown = 0;
	int code;

	if (fd < 0)
		fd = open_log();
	must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len);
	code = audit_verify(root, NULL, &a, &check, &e);
	must(code == 0 || code == AUDIT_BROKEN || (code < 0 && e.text[0]));
	must(code < 0 || (code == 0) == (check.breaks.count == 0));
	must(audit_each(root, NULL, count, &shown, &e) == 0 || e.text[0]);
	must(code != 0 || shown == check.lines);
	arena_free(&a);
	return 0;
}
