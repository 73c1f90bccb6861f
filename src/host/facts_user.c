/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to a process that is not the host's root: an ordinary user, or root in a user
 * namespace that an engine made. Asked only of those, so that root pays nothing for it.
 */
#include "host/facts_user.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "host/program.h"
#include "orlop/auto.h"

static bool is_same(int fd, const char *path)
{
	struct stat one, other;

	return fd >= 0 && fstat(fd, &one) == 0 && stat(path, &other) == 0 &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* sysfs shows a network namespace, and is mounted by who owns that. */
static bool is_net_foreign(void)
{
	auto_fd int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_fd int owner = net < 0 ? -1 : ioctl(net, NS_GET_USERNS);

	return !is_same(owner, "/proc/self/ns/user");
}

static bool are_groups_denied(void)
{
	auto_fd int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char text[16];

	return proc >= 0 && file_read(proc, "setgroups", text, sizeof(text)) > 0 &&
	       strcmp(text, "deny") == 0;
}

/* systemd marks a group that it leaves to somebody. */
static bool is_marked(const char *path)
{
	char yes[8];

	return getxattr(path, "user.delegate", yes, sizeof(yes)) > 0;
}

static bool is_writable(const char *group, struct arena *a)
{
	/* With the effective ids; and where root may write to everything, the mount may not. */
	return faccessat(AT_FDCWD, group, W_OK, AT_EACCESS) == 0 &&
	       faccessat(AT_FDCWD, arena_printf(a, "%s/cgroup.procs", group), W_OK,
			 AT_EACCESS) == 0;
}

/*
 * A process is moved, or born, from one group into another by who may write to the group that is
 * above both. So ours has to be writable, and how far up that is so is how far we can go. Within
 * that the nearest group that systemd gave away: what is above it is systemd's to arrange.
 */
static const char *find_delegated(const char *mount, const char *self, struct arena *a)
{
	char *path = arena_strdup(a, self);
	const char *found = NULL;

	if (strstr(self, "/.."))	/* above the root of our cgroup namespace */
		return NULL;
	for (;;) {
		const char *group = arena_printf(a, "%s%s", mount, path);
		char *slash = strrchr(path, '/');

		if (!is_writable(group, a))
			return found;
		found = arena_strdup(a, path);
		if (is_marked(group) || !slash || !path[1])
			return found;
		slash[slash == path] = '\0';
	}
}

bool host_systemd_is_users(void)
{
	struct stat st;

	if (geteuid() != 0)
		return true;
	/* Whose root is not ours has another number here; without a systemd it does not matter. */
	return stat("/run/systemd/private", &st) == 0 && st.st_uid != 0;
}

void facts_user_get(const char *cgroup_self, struct arena *a, struct host_facts *f)
{
	f->egid = getegid();
	f->setgroups_denied = are_groups_denied();
	f->net_ns_foreign = is_net_foreign();
	f->systemd_user = host_systemd_is_users();
	f->newuidmap = program_find("newuidmap", a);
	f->newgidmap = program_find("newgidmap", a);
	if (f->cgroup_mount && cgroup_self)
		f->cgroup_delegated = find_delegated(f->cgroup_mount, cgroup_self, a);
}
