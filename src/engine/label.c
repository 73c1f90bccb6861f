/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selinuxfs is spoken to directly. libselinux has security_check_context(3) for the same two calls,
 * but it looks for file systems and configuration whenever a program that contains it begins, and
 * almost no container has a label.
 */
#include "engine/label.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/procfs.h"
#include "orlop/auto.h"

enum { LABEL_ROOM = 4096 };

int label_check(const char **label, const char *member, struct arena *a, struct err *e)
{
	char text[LABEL_ROOM];
	struct statfs fs;
	auto_fd int fd = -1;
	ssize_t n;

	if (!*label)
		return 0;
	fd = open("/sys/fs/selinux/context", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(e, "/sys/fs/selinux/context");
	if (fs.f_type != SELINUX_MAGIC)
		return err_set(e, ERR_POLICY, "/sys/fs/selinux: is no selinuxfs");
	/* The question is written; EINVAL is "no such label". The answer is read. */
	n = write(fd, *label, strlen(*label) + 1);
	if (n >= 0)
		n = read(fd, text, sizeof(text) - 1);
	if (n < 0) {
		err_sys(e, "%s \"%.200s\"", member, *label);
		return e->code == EINVAL ?
			err_hint(e, "the loaded SELinux policy has no such label") : -1;
	}
	text[n] = '\0';
	if (strcmp(*label, text) != 0)
		*label = arena_strdup(a, text);
	return 0;
}

int label_read_back(int procfs, pid_t pid, const char *label, struct err *e)
{
	char have[LABEL_ROOM];
	ssize_t n = procfs_read(procfs, pid, "attr/exec", have, sizeof(have), e);

	if (n < 0)
		return -1;
	have[strcspn(have, "\n")] = '\0';
	if (strcmp(have, label) == 0)
		return 0;
	return err_set(e, ERR_INTERNAL, "process.selinuxLabel: is \"%.200s\", wanted \"%.200s\"",
		       have, label);
}
