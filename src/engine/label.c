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

#include "base/file.h"
#include "engine/procfs.h"
#include "orlop/auto.h"

enum {
	LABEL_ROOM = 4096,
	LIST_MAX = 16 << 20,
};

int label_check(const char **label, const char *member, struct arena *a, struct err *e)
{
	char text[LABEL_ROOM];
	struct statfs fs;
	auto_fd int fd = -1;
	ssize_t n;

	if (!*label)
		return 0;
	fd = open("/sys/fs/selinux/context", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_SYSTEM, "%s \"%.200s\": selinux is disabled or not supported",
			       member, *label);
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

/* Lines "NAME (MODE)". */
static bool lists_profile(const char *list, const char *profile)
{
	size_t len = strlen(profile);

	for (const char *at = list; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (!strncmp(at, profile, len) && !strncmp(at + len, " (", 2) &&
		    !memchr(at + len + 2, '(', strcspn(at + len + 2, "\n")))
			return true;
	return false;
}

int label_check_profile(const char *profile, struct arena *a, struct err *e)
{
	size_t len;
	char *list = NULL;

	if (strcmp(profile, "unconfined") != 0 && *profile != ':' && !strstr(profile, "//&"))
		list = file_read_path("/sys/kernel/security/apparmor/profiles", LIST_MAX, a, &len);
	if (!list || lists_profile(list, profile))
		return 0;
	err_set(e, ERR_SYSTEM,
		"unable to apply apparmor profile: apparmor failed to apply profile \"%.200s\"",
		profile);
	return err_hint(e, "no profile of that name is loaded: see apparmor_parser(8)");
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
