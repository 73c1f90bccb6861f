/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine can do. On the way of every `create`, so it asks little: what can be read off
 * one file or one return value is not probed, and what only people want to know is left to
 * host_facts_get_all. Knows nothing about configurations.
 */
#include "orlop/host_facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "host/facts_user.h"
#include "orlop/auto.h"

/* The inode number of the first user namespace; the same since Linux 3.8 (PROC_USER_INIT_INO). */
enum { FIRST_USER_NS = 0xEFFFFFFDu };

/* What RHEL 9 began with: everything the child and the engine use is there; no fallback code. */
enum { FLOOR_MAJOR = 5, FLOOR_MINOR = 14 };

/* Reads the beginning of a file, without its last newline; false when it cannot be read. */
static bool read_start(const char *path, char *bytes, size_t size)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, bytes, size - 1);
	if (len < 0)
		return false;
	while (len > 0 && bytes[len - 1] == '\n')
		len--;
	bytes[len] = '\0';
	return true;
}

static bool is_filesystem(const char *path, unsigned long magic)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == magic;
}

static void get_cgroup(bool controllers_too, struct arena *a, struct host_facts *f)
{
	char path[64], controllers[512];

	f->cgroup_mode = HOST_CGROUP_NONE;
	if (is_filesystem("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC)) {
		f->cgroup_mode = HOST_CGROUP_PURE;
		f->cgroup_mount = "/sys/fs/cgroup";
	} else if (is_filesystem("/sys/fs/cgroup/unified", CGROUP2_SUPER_MAGIC)) {
		f->cgroup_mode = HOST_CGROUP_HYBRID;
		f->cgroup_mount = "/sys/fs/cgroup/unified";
	} else {
		return;
	}
	/* All that a pure one has are offered to every container. */
	if (!controllers_too && f->cgroup_mode == HOST_CGROUP_HYBRID)
		return;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", f->cgroup_mount);
	f->controllers = read_start(path, controllers, sizeof(controllers)) ?
			 arena_strdup(a, controllers) : "";
}

/*
 * The highest capability of this kernel. A set that has the highest one that this was written with
 * (Linux 5.9 brought it) was hardly cut above that; were it, the parent's look at what the child
 * was left with would find the one that was forgotten.
 */
static unsigned last_cap(uint64_t bounding)
{
	unsigned last = CAP_LAST_CAP;

	if (bounding >> last)
		return 63 - (unsigned)__builtin_clzll(bounding);
	while (last < 63 && prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0)
		last++;
	return last;
}

static void get_caps(struct host_facts *f)
{
	char status[4096];
	const char *line = read_start("/proc/self/status", status, sizeof(status)) ?
			   strstr(status, "\nCapBnd:") : NULL;

	if (line) {
		f->cap_bounding = strtoull(line + 8, NULL, 16);
		line = strstr(status, "\nSigIgn:");
		f->ignored_signals = line ? strtoull(line + 8, NULL, 16) : 0;
		f->cap_last = last_cap(f->cap_bounding);
		return;
	}
	/* A long list of groups can push the line out of reach: ask for each. */
	f->cap_last = last_cap(0);
	for (unsigned n = 0; n <= f->cap_last; n++)
		if (prctl(PR_CAPBSET_READ, n, 0, 0, 0) == 1)
			f->cap_bounding |= UINT64_C(1) << n;
}

static bool is_apparmor_on(void)
{
	char enabled[8];

	return read_start("/sys/module/apparmor/parameters/enabled", enabled, sizeof(enabled)) &&
	       enabled[0] == 'Y';
}

/*
 * All but the last were there before the oldest kernel that we work on. A flag that is known gets
 * as far as the missing program (EFAULT); WAIT_KILLABLE_RECV is only valid with a listener.
 */
static uint32_t get_seccomp_flags(void)
{
	uint32_t flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
			 SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER |
			 SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	unsigned probe = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER;

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, probe, NULL) < 0 && errno == EFAULT)
		flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return flags;
}

/* The line of the cgroup2 hierarchy: "0::/path". */
static const char *get_cgroup_self(struct arena *a)
{
	char cgroups[4096];
	char *line;

	if (!read_start("/proc/self/cgroup", cgroups, sizeof(cgroups)))
		return NULL;
	line = strncmp(cgroups, "0::", 3) == 0 ? cgroups : strstr(cgroups, "\n0::");
	if (!line)
		return NULL;
	line = strchr(line, '/');
	if (!line)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return arena_strdup(a, line);
}

int host_in_first_user_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) < 0 ? -1 : st.st_ino == FIRST_USER_NS;
}

int host_facts_get(const struct host_wants *wants, struct arena *a, struct host_facts *ret,
		   struct err *e)
{
	struct host_facts f = { 0 };
	struct utsname name;
	int first;

	if (uname(&name) < 0)
		return err_sys(e, "uname");
	if (sscanf(name.release, "%u.%u", &f.kernel_major, &f.kernel_minor) != 2)
		return err_set(e, ERR_SYSTEM, "uname: \"%s\" is not a release of Linux",
			       name.release);
	if (f.kernel_major < FLOOR_MAJOR ||
	    (f.kernel_major == FLOOR_MAJOR && f.kernel_minor < FLOOR_MINOR))
		return err_set(e, ERR_SYSTEM, "Linux %s is too old: orlop needs %d.%d or newer",
			       name.release, FLOOR_MAJOR, FLOOR_MINOR);
	f.euid = (uint32_t)getauxval(AT_EUID);
	first = host_in_first_user_ns();
	if (first < 0)
		return err_sys(e, "/proc/self/ns/user");
	f.in_user_ns = !first;
	f.controllers = "";
	get_cgroup(wants->controllers, a, &f);
	get_caps(&f);
	f.apparmor = wants->labels && is_apparmor_on();
	f.selinux = wants->labels && is_filesystem("/sys/fs/selinux", SELINUX_MAGIC);
	f.time_ns = wants->time_ns && access("/proc/self/ns/time", F_OK) == 0;
	f.seccomp_flags = wants->seccomp ? get_seccomp_flags() : 0;
	if (f.euid != 0 || f.in_user_ns)
		facts_user_get(get_cgroup_self(a), a, &f);
	else if (wants->cgroup_self)
		f.cgroup_self = get_cgroup_self(a);
	*ret = f;
	return 0;
}

/* "hugepages-2048kB" as the hugetlb controller says it: "2MB". */
static void add_size(struct text *t, unsigned long kib)
{
	const char *unit = "KMG";

	while (kib >= 1024 && kib % 1024 == 0 && unit[1]) {
		kib /= 1024;
		unit++;
	}
	text_printf(t, "%s%lu%cB", t->len ? " " : "", kib, *unit);
}

static const char *get_hugepage_sizes(struct arena *a)
{
	auto_dir DIR *dir = opendir("/sys/kernel/mm/hugepages");
	struct text t = TEXT_IN(a);
	struct dirent *entry;
	unsigned long sizes[16];
	size_t count = 0;

	while (dir && count < ARRAY_LEN(sizes) && (entry = readdir(dir))) {
		unsigned long kib;
		size_t k;

		if (sscanf(entry->d_name, "hugepages-%lukB", &kib) != 1)
			continue;
		for (k = count++; k > 0 && sizes[k - 1] > kib; k--)
			sizes[k] = sizes[k - 1];
		sizes[k] = kib;
	}
	for (size_t i = 0; i < count; i++)
		add_size(&t, sizes[i]);
	return text_get(&t);
}

int host_facts_get_all(struct arena *a, struct host_facts *ret, struct err *e)
{
	static const struct host_wants all = { true, true, true, true, true };

	if (host_facts_get(&all, a, ret, e))
		return -1;
	ret->hugepage_sizes = get_hugepage_sizes(a);
	return 0;
}
