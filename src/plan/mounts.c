/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The container's mounts, in order. Targets stay as they are written: where they lead is
 * only known to the step that mounts, which resolves them beneath the root. What is decided from
 * their spelling here is a first line; the steps hold the second.
 */
#include "plan/planner.h"

#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#include "base/text.h"
#include "oci/mount_options.h"

/* Files below /proc that a mount may cover: those that lxcfs and the like emulate. */
static const char *const proc_files[] = {
	"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev",
	"/proc/slabinfo", "/proc/stat", "/proc/swaps", "/proc/sys/crypto/fips_enabled",
	"/proc/sys/kernel/ns_last_pid", "/proc/uptime",
};

/*
 * File systems without a device of their own. "ro" is their mounts' business alone: a superblock
 * may be shared with others, and a tmpfs still has to be filled.
 */
static const char *const virtual_types[] = {
	"binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs",
	"efivarfs", "fuse", "fusectl", "hugetlbfs", "mqueue", "overlay", "proc", "pstore", "ramfs",
	"securityfs", "sysfs", "tmpfs", "tracefs",
};

/* What the kernel takes for cgroup2, and does not do: in a cgroup namespace they have no effect. */
static const char *const cgroup_options[] = {
	"favordynmods", "memory_hugetlb_accounting", "memory_localevents", "memory_recursiveprot",
	"nofavordynmods", "nsdelegate", "pids_localevents",
};

static bool is_cgroup(const char *type)
{
	return strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0;
}

/* The first option that the kernel would refuse; NULL. */
static const char *no_cgroup_option(const struct str_list *data)
{
	for (size_t i = 0; i < data->count; i++) {
		size_t n = 0;

		while (n < ARRAY_LEN(cgroup_options) &&
		       strcmp(cgroup_options[n], data->items[i]) != 0)
			n++;
		if (n == ARRAY_LEN(cgroup_options))
			return data->items[i];
	}
	return NULL;
}

static bool is_virtual(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(virtual_types); i++) {
		if (strcmp(type, virtual_types[i]) == 0)
			return true;
	}
	return false;
}

static int check_options(struct planner *p, const struct oci_mount *m, const char *at,
			 const struct mount_options *o)
{
	const char *options = plan_at(p, "%s.options", at), *unknown;
	bool bind = o->bind;

	if (o->bind && o->remount) {
		bind = false;
	} else if (o->bind && !m->source) {
		return plan_refuse(p, m->line, plan_at(p, "%s.source", at),
				   "a bind mount needs a source");
	}
	if (bind && o->data.count)
		return plan_refuse(p, m->line, options,
				   "bind mounts cannot have any filesystem-specific "
				   "options applied: %s", text_quote(p->a, o->data.items[0], 60));
	if (o->remount && (o->data.count || o->tmpcopyup || o->idmap))
		return plan_refuse(p, m->line, options,
				   "a remount changes the mount's own flags only, "
				   "not the file system's options");
	if (!o->bind && !o->remount && !m->type)
		return plan_refuse(p, m->line, plan_at(p, "%s.type", at),
				   "is missing, and the options have no \"bind\"");
	if (!o->bind && !o->remount && strcmp(m->type, "bind") == 0) {
		(void)plan_refuse(p, m->line, plan_at(p, "%s.type", at),
				  "is no file system: the options make a bind mount");
		return err_hint(p->e, "add \"rbind\" or \"bind\" to the options");
	}
	if (!o->bind && !o->remount && is_cgroup(m->type) && (unknown = no_cgroup_option(&o->data)))
		return plan_refuse(p, m->line, options, "%s is no option of cgroup2",
				   text_quote(p->a, unknown, 60));
	if (o->tmpcopyup && (o->bind || !m->type || strcmp(m->type, "tmpfs") != 0))
		return plan_refuse(p, m->line, options, "\"tmpcopyup\" is for tmpfs only");
	if (o->copy_symlink && !bind)
		return plan_refuse(p, m->line, options,
				   "\"copy-symlink\" is for bind mounts only");
	return 0;
}

/*
 * Nothing but proc goes on /proc, and below it only what cannot mislead programs that look there,
 * ourselves included: labels and sysctls are written through that file system (CVE-2019-16884).
 */
static int check_proc(struct planner *p, const struct oci_mount *m, const char *at,
		      const struct plan_mount *mount)
{
	const char *path = plan_path_lexical(p->a, mount->target);
	const char *member = plan_at(p, "%s.destination", at);

	if (mount->kind == PLAN_MOUNT_REMOUNT)
		return 0;
	if (strcmp(path, "/") == 0)
		return plan_refuse(p, m->line, member,
				   "a mount on / would hide the root file system");
	if (strncmp(path, "/proc", 5) != 0 || (path[5] && path[5] != '/'))
		return 0;
	if (!path[5]) {
		if (mount->kind == PLAN_MOUNT_BIND ? strcmp(mount->source, "/proc") == 0 :
			    mount->kind == PLAN_MOUNT_FS && strcmp(mount->fstype, "proc") == 0)
			return 0;
		return plan_refuse(p, m->line, member,
				   "%s cannot be mounted because it is not type proc",
				   text_quote(p->a, m->destination, 80));
	}
	for (size_t i = 0; i < ARRAY_LEN(proc_files); i++) {
		if (mount->kind == PLAN_MOUNT_BIND && strcmp(path, proc_files[i]) == 0)
			return 0;
	}
	return plan_refuse(p, m->line, member, "%s cannot be mounted because it is inside /proc",
			   text_quote(p->a, m->destination, 80));
}

static int plan_idmap(struct planner *p, const struct oci_mount *m, const char *at,
		      const struct mount_options *o, struct plan_mount *ret)
{
	bool own = m->uid_maps.count || m->gid_maps.count;

	if (plan_check_maps(p, &m->uid_maps, &m->gid_maps, at))
		return -1;
	if (!own && !o->idmap)
		return 0;
	if (ret->kind != PLAN_MOUNT_BIND)
		return plan_refuse(p, m->line, at, "only bind mounts can be id-mapped");
	if (p->facts->euid != 0)
		return plan_refuse(p, m->line, at, "only root may map the ids of a mount");
	if (!own && !p->in_user_ns)
		return plan_refuse(p, m->line, plan_at(p, "%s.options", at),
				   "\"%s\" needs uidMappings and "
				   "gidMappings, or a user namespace whose mappings it can take",
				   o->idmap_recursive ? "ridmap" : "idmap");
	ret->idmap = own ? PLAN_IDMAP_OWN : PLAN_IDMAP_CONTAINER;
	ret->idmap_recursive = o->idmap_recursive;
	ret->uid_maps = m->uid_maps;
	ret->gid_maps = m->gid_maps;
	return 0;
}

/*
 * What mount(2) makes of a bind that is remounted, and with it runc and crun: one word about
 * attributes says all of them, and what it does not name goes, unless the host locked it. Access
 * times are a group of their own: without a word that asks for a mode they stay as they are.
 */
static void take_bind_attributes(const struct mount_options *o, struct plan_mount *m)
{
	const uint64_t plain = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;
	const uint64_t times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;

	m->attr_clear &= ~times;
	if ((o->attr_clear & MOUNT_ATTR__ATIME) || (o->attr_set & MOUNT_ATTR_NODIRATIME))
		m->attr_clear |= times & ~(o->attr_set & MOUNT_ATTR_NODIRATIME);
	if (o->attr_said)
		m->attr_unsaid = plain & ~(m->attr_set | m->attr_clear | o->rec_set | o->rec_clear);
}

static void take_options(struct planner *p, const struct mount_options *o, struct plan_mount *m)
{
	bool fs = m->kind == PLAN_MOUNT_FS;

	m->attr_set = o->attr_set;
	m->attr_clear = o->attr_clear;
	if (m->kind == PLAN_MOUNT_BIND)
		take_bind_attributes(o, m);
	m->rec_set = o->rec_set;
	m->rec_clear = o->rec_clear;
	m->propagation = o->propagation;
	m->propagation_recursive = o->propagation_recursive;
	m->recursive = o->bind_recursive;
	m->copy_up = o->tmpcopyup;
	m->copy_link = o->copy_symlink;
	for (size_t i = 0; fs && i < o->superblock.count; i++) {
		const char *word = o->superblock.items[i];
		bool mode = strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0;

		if (!mode || !is_virtual(m->fstype))
			plan_push_str(p->a, &m->data, word);
	}
	for (size_t i = 0; i < o->data.count; i++) {
		/* Every devpts is one since Linux 4.7, with or without the word. */
		if (fs && strcmp(m->fstype, "devpts") == 0 &&
		    strcmp(o->data.items[i], "newinstance") == 0)
			continue;
		plan_push_str(p->a, &m->data, o->data.items[i]);
	}
}

/*
 * A source that the runtime has to open: one that the container's ids have no way to, one that
 * lives in another mount namespace than the one that is joined, one that names an open descriptor
 * of a process (kubelet hands over subpaths that way), and one that is to stay in its peer group:
 * in the container's own copy of the mounts it already is a slave of what it should be a peer of.
 */
static bool is_parents(struct planner *p, const struct plan_mount *m)
{
	/* A user may mount in the container only, and has the same ways to a source there. */
	if (p->facts->euid != 0)
		return false;
	return p->in_user_ns || plan_find_namespace(p->plan, OCI_NS_MOUNT)->path ||
	       strncmp(m->source, "/proc/", 6) == 0 || m->propagation == MS_SHARED;
}

/* What of an absolute path is below the root file system as the host names it; NULL: it is not. */
static const char *below_rootfs(struct planner *p, const char *path)
{
	const char *root = plan_path_lexical(p->a, p->plan->rootfs);
	const char *clean = plan_path_lexical(p->a, path);
	size_t len = strlen(root);

	if (!root[1] || strncmp(clean, root, len) != 0 || (clean[len] && clean[len] != '/'))
		return NULL;
	return clean[len] ? clean + len : "/";
}

/*
 * sysfs shows the network namespace that one is in, and is mounted by who owns that. In the host's
 * network the host's own mount shows the same.
 */
static bool is_sysfs_foreign(const struct planner *p, const char *type)
{
	return strcmp(type, "sysfs") == 0 && !plan_find_namespace(p->plan, OCI_NS_NETWORK) &&
	       (p->in_user_ns || p->facts->net_ns_foreign);
}

static void bind_sysfs(struct plan_mount *m)
{
	m->kind = PLAN_MOUNT_BIND;
	m->fstype = NULL;
	m->source = "/sys";
	m->recursive = true;
	m->rec_set |= m->attr_set;
	m->attr_set = 0;
	m->data = (struct str_list){ 0 };
}

static int plan_mount(struct planner *p, const struct oci_mount *m, size_t index)
{
	const char *at = plan_at(p, "mounts[%zu]", index);
	const char *stripped = below_rootfs(p, m->destination);
	struct plan_mount mount = { .index = index, .fstype = m->type,
				    .target = stripped ? stripped : m->destination };
	struct mount_options o = { 0 };

	if (mount_options_read(&m->options, p->a, &o, p->e))
		return err_in(p->e, "%s:%u: %s.options", p->name, m->line, at);
	if (check_options(p, m, at, &o))
		return -1;
	if (o.remount) {
		mount.kind = PLAN_MOUNT_REMOUNT;
		mount.fstype = NULL;
	} else if (o.bind) {
		mount.kind = PLAN_MOUNT_BIND;
		mount.fstype = NULL;
		mount.source = plan_path_below(p->a, p->options->bundle, m->source);
	} else if (is_cgroup(m->type)) {
		mount.kind = PLAN_MOUNT_CGROUP;
		mount.fstype = "cgroup2";
		mount.source = m->source;
	} else {
		mount.kind = PLAN_MOUNT_FS;
		mount.source = m->source;
	}
	take_options(p, &o, &mount);
	if (mount.kind == PLAN_MOUNT_FS && is_sysfs_foreign(p, m->type))
		bind_sysfs(&mount);
	if (mount.kind == PLAN_MOUNT_BIND) {
		mount.source_in_root = below_rootfs(p, mount.source);
		mount.source_from_parent = !mount.source_in_root && is_parents(p, &mount);
	}
	if (mount.kind == PLAN_MOUNT_CGROUP)
		mount.data = (struct str_list){ 0 };
	if (check_proc(p, m, at, &mount) || plan_idmap(p, m, at, &o, &mount))
		return -1;
	if (m->destination[0] != '/')
		plan_warn(p, "%s.destination: %s is relative, which is deprecated: taken from /",
			  at, text_quote(p->a, m->destination, 80));
	LIST_ADD(p->a, p->plan->mounts, mount);
	plan_because_of(p, m->line, at, "mount %s ", plan_word(p->a, mount.target));
	return 0;
}

/* The directory of the socket through which the container reports that it is ready. */
static void add_notify(struct planner *p)
{
	struct plan_mount m = {
		.kind = PLAN_MOUNT_BIND, .target = "/run/notify", .source = p->options->notify_dir,
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOEXEC,
		.index = SIZE_MAX,
	};

	m.source_from_parent = is_parents(p, &m);
	LIST_ADD(p->a, p->plan->mounts, m);
	plan_because(p, "option NOTIFY_SOCKET in the environment", "mount /run/notify ");
}

int plan_mounts(struct planner *p)
{
	for (size_t i = 0; i < p->config->mounts.count; i++) {
		if (plan_mount(p, &p->config->mounts.items[i], i))
			return -1;
	}
	if (p->options->notify_socket)
		add_notify(p);
	return 0;
}

static int plan_paths(struct planner *p, const struct str_list *from, unsigned line,
		      const char *member, const char *fact, struct str_list *to)
{
	for (size_t i = 0; i < from->count; i++) {
		const char *path = from->items[i];
		char *at = plan_at(p, "linux.%s[%zu]", member, i);

		if (strcmp(plan_path_lexical(p->a, path), "/") == 0)
			return plan_refuse(p, line, at, "is the root: use root.readonly");
		plan_push_str(p->a, to, path);
		plan_because_of(p, line, at, "%s %s", fact, plan_word(p->a, path));
	}
	return 0;
}

int plan_masks(struct planner *p)
{
	const struct oci_linux *l = &p->config->linux;

	if (plan_paths(p, &l->masked_paths, l->lines.masked_paths, "maskedPaths", "mask",
		       &p->plan->masked))
		return -1;
	return plan_paths(p, &l->readonly_paths, l->lines.readonly_paths, "readonlyPaths",
			  "readonly", &p->plan->readonly);
}
