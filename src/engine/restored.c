/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/restored.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sys.h"
#include "engine/cgroup.h"
#include "engine/procfs.h"
#include "orlop/auto.h"

enum { STATUS_ROOM = 16 * 1024, LABEL_ROOM = 4096, FILTER_MODE = 2 };

#define CAPABILITY(n) (1ULL << (n))

/* What every thread is held against. */
struct bounds {
	uint64_t any, bounding;		/* capabilities that may be in a set, in the bounding set */
	bool same_uid, same_gid;	/* nothing could have changed them */
	const char *label;		/* or NULL */
};

/* ---- the first process ---- */

static const char *ns_name(enum oci_ns type)
{
	static const char *const names[OCI_NS_COUNT_] = {
		[OCI_NS_CGROUP] = "cgroup", [OCI_NS_IPC] = "ipc", [OCI_NS_MOUNT] = "mnt",
		[OCI_NS_NETWORK] = "net", [OCI_NS_PID] = "pid", [OCI_NS_TIME] = "time",
		[OCI_NS_USER] = "user", [OCI_NS_UTS] = "uts",
	};

	return names[type];
}

static bool same_file(const char *a, const char *b, bool *ret)
{
	struct stat one, other;

	if (stat(a, &one) < 0 || stat(b, &other) < 0)
		return false;
	*ret = one.st_dev == other.st_dev && one.st_ino == other.st_ino;
	return true;
}

/* criu puts processes into a time namespace of their own, so that their clocks go on. */
static int check_namespaces(const struct restored *r, struct err *e)
{
	for (int type = 0; type < OCI_NS_COUNT_; type++) {
		const struct plan_namespace *wanted = NULL;
		char theirs[48], ours[32];
		bool same;

		for (size_t n = 0; n < r->plan->namespaces.count; n++)
			if ((int)r->plan->namespaces.items[n].type == type)
				wanted = &r->plan->namespaces.items[n];
		if (type == OCI_NS_TIME && !wanted)
			continue;
		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int)r->pid, ns_name(type));
		snprintf(ours, sizeof(ours), "/proc/self/ns/%s", ns_name(type));
		if (!same_file(theirs, wanted && wanted->path ? wanted->path : ours, &same))
			return err_sys(e, "compare the %s namespace", ns_name(type));
		if (same != (!wanted || wanted->path))
			return err_set(e, ERR_POLICY, "linux.namespaces: the %s namespace is %s",
				       ns_name(type), !wanted ? "not the host's" : wanted->path ?
				       "not the one that was to be joined" : "the host's");
	}
	return 0;
}

static int check_cgroup(const struct restored *r, struct err *e)
{
	const char *path = r->plan->cgroup.path;
	char text[8192];
	const char *line;
	size_t len;

	if (r->group < 0)
		return 0;
	if (procfs_read(-1, r->pid, "cgroup", text, sizeof(text), e) < 0)
		return -1;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	len = strlen(path);
	if (line && line[0] == '\n')
		line++;
	if (line && !strncmp(line + 3, path, len) && strchr("/\n", line[3 + len]))
		return 0;
	return err_set(e, ERR_POLICY, "linux.cgroupsPath: the process is not in %s", path);
}

static int open_inside(int root, const char *path)
{
	return sys_openat2(root, path, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

static bool is_readonly(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

static bool is_empty(int place)
{
	int fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t count = 0;

	while (dir && readdir(dir))
		count++;
	return dir && count <= 2;
}

static bool is_masked(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if (S_ISDIR(st.st_mode))
		return is_empty(fd) && is_readonly(fd);
	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static int check_path(int root, const char *path, bool (*holds)(int fd), const char *member,
		      const char *text, struct err *e)
{
	auto_fd int fd = open_inside(root, path);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(e, "%s: %s", member, path);
	return holds(fd) ? 0 : err_set(e, ERR_POLICY, "%s: %s is not %s", member, path, text);
}

static int check_paths(int root, const struct str_list *paths, bool (*holds)(int fd),
		       const char *member, const char *text, struct err *e)
{
	for (size_t n = 0; n < paths->count; n++)
		if (check_path(root, paths->items[n], holds, member, text, e) < 0)
			return -1;
	return 0;
}

/* A volume that was to be read only. What is mounted over it later is for its own mount to say. */
static int check_binds(int root, const struct plan *plan, struct err *e)
{
	for (size_t n = 0; n < plan->mounts.count; n++) {
		const struct plan_mount *m = &plan->mounts.items[n];

		if (m->kind == PLAN_MOUNT_BIND &&
		    ((m->attr_set | m->rec_set) & MOUNT_ATTR_RDONLY) &&
		    check_path(root, m->target, is_readonly, "mounts", "read-only", e) < 0)
			return -1;
	}
	return 0;
}

static int check_root(const struct restored *r, struct err *e)
{
	auto_fd int root = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)r->pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, "%s", path);
	if (r->plan->rootfs_readonly && !is_readonly(root))
		return err_set(e, ERR_POLICY, "root.readonly: the root is not read-only");
	if (check_binds(root, r->plan, e) < 0)
		return -1;
	if (check_paths(root, &r->plan->readonly, is_readonly, "linux.readonlyPaths", "read-only",
			e) < 0)
		return -1;
	return check_paths(root, &r->plan->masked, is_masked, "linux.maskedPaths", "masked", e);
}

/* ---- every thread ---- */

static const char *field(const char *status, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len] == ':')
			return line + len + 1;
	}
	return NULL;
}

static int check_caps(const char *status, const char *name, uint64_t allowed, struct err *e)
{
	const char *at = field(status, name);
	uint64_t have = at ? strtoull(at, NULL, 16) : UINT64_MAX;

	if ((have & ~allowed) == 0)
		return 0;
	return err_set(e, ERR_POLICY, "process.capabilities: %s is %016" PRIx64 ", and %016" PRIx64
		       " is allowed", name, have, allowed);
}

static int check_ids(const char *status, const char *name, uint32_t wanted, struct err *e)
{
	const char *at = field(status, name);

	for (int n = 0; n < 4; n++) {
		char *end;
		unsigned long have = at ? strtoul(at, &end, 10) : ULONG_MAX;

		if (have != wanted)
			return err_set(e, ERR_POLICY, "process.user: %s is %lu, and not %u", name,
				       have, wanted);
		at = end;
	}
	return 0;
}

static bool says(const char *status, const char *name, long wanted)
{
	const char *at = field(status, name);

	return at && strtol(at, NULL, 10) == wanted;
}

static int check_status(const struct restored *r, const struct bounds *b, const char *status,
			struct err *e)
{
	const struct plan_process *p = &r->plan->process;

	if (check_caps(status, "CapInh", b->any, e) < 0 ||
	    check_caps(status, "CapPrm", b->any, e) < 0 ||
	    check_caps(status, "CapEff", b->any, e) < 0 ||
	    check_caps(status, "CapBnd", b->bounding, e) < 0 ||
	    check_caps(status, "CapAmb", b->any, e) < 0)
		return -1;
	if ((b->same_uid && check_ids(status, "Uid", p->uid, e) < 0) ||
	    (b->same_gid && check_ids(status, "Gid", p->gid, e) < 0))
		return -1;
	if (p->no_new_privs && !says(status, "NoNewPrivs", 1))
		return err_set(e, ERR_POLICY, "process.noNewPrivileges: is not in force");
	if (r->plan->seccomp && !says(status, "Seccomp", FILTER_MODE))
		return err_set(e, ERR_POLICY, "linux.seccomp: there is no filter");
	return 0;
}

/* AppArmor adds "(enforce)", and names below the profile for those who changed into them. */
static int check_label(const char *wanted, const char *have, struct err *e)
{
	size_t len = strlen(wanted);

	if (!strncmp(have, wanted, len) &&
	    (!have[len] || have[len] == '\n' || have[len] == ' ' || !strncmp(have + len, "//", 2)))
		return 0;
	return err_set(e, ERR_POLICY, "the security label is \"%.*s\", and not \"%s\"",
		       (int)strcspn(have, "\n"), have, wanted);
}

static int check_thread(const struct restored *r, const struct bounds *b, int task,
			const char *tid, struct err *e)
{
	static char status[STATUS_ROOM], label[LABEL_ROOM];
	char name[64];

	snprintf(name, sizeof(name), "%.20s/status", tid);
	if (file_read(task, name, status, sizeof(status)) < 0)
		return err_sys(e, "%s", name);
	if (check_status(r, b, status, e) < 0)
		return -1;
	if (!b->label)
		return 0;
	snprintf(name, sizeof(name), "%.20s/attr/current", tid);
	if (file_read(task, name, label, sizeof(label)) < 0)
		return err_sys(e, "%s", name);
	return check_label(b->label, label, e);
}

static int check_process(const struct restored *r, const struct bounds *b, pid_t pid,
			 struct err *e)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_sys(e, "%s", path);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.' &&
		    check_thread(r, b, dirfd(dir), entry->d_name, e) < 0)
			return err_in(e, "process %d", (int)pid);
	return 0;
}

static struct bounds bounds_of(const struct restored *r)
{
	const struct plan_process *p = &r->plan->process;
	uint64_t known = r->cap_last >= 63 ? UINT64_MAX : CAPABILITY(r->cap_last + 1) - 1;
	struct bounds b = {
		.any = p->cap_bounding | p->cap_permitted | p->cap_inheritable | p->cap_ambient,
		.bounding = p->cap_bounding & known,
		.label = p->selinux_label ? p->selinux_label : p->apparmor_profile,
	};
	bool in_user_ns = false;

	for (size_t n = 0; n < r->plan->namespaces.count; n++)
		in_user_ns |= r->plan->namespaces.items[n].type == OCI_NS_USER;
	/* In a user namespace the ids are others out here, and it gives none that are not its. */
	b.same_uid = p->no_new_privs && !in_user_ns && !(b.any & CAPABILITY(CAP_SETUID));
	b.same_gid = p->no_new_privs && !in_user_ns && !(b.any & CAPABILITY(CAP_SETGID));
	if (r->lsm_profile)
		b.label = strchr(r->lsm_profile, ':') + 1;
	return b;
}

static int check_all(const struct restored *r, struct arena *a, struct err *e)
{
	struct bounds b = bounds_of(r);
	struct cgroup_pids pids = { 0 };

	if (r->group >= 0 && cgroup_pids(r->group, a, &pids, e) < 0)
		return -1;
	for (size_t n = 0; n < pids.count; n++)
		if (procfs_descends(pids.items[n], r->pid) &&
		    check_process(r, &b, pids.items[n], e) < 0)
			return -1;
	return r->group >= 0 ? 0 : check_process(r, &b, r->pid, e);
}

int restored_check(const struct restored *r, struct arena *a, struct err *e)
{
	if (check_namespaces(r, e) < 0 || check_cgroup(r, e) < 0 || check_root(r, e) < 0 ||
	    (r->plan->has_process && check_all(r, a, e) < 0))
		return err_in(e, "what was restored is not what the configuration allows");
	return 0;
}
