/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Flattening. The block is collected in a growing text: its first bytes are the
 * struct child_plan, written last, when all offsets are known.
 */
#include "engine/encode.h"

#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/text.h"
#include "engine/schedule.h"
#include "engine/spawn.h"

static child_str put_string(struct text *t, const char *s)
{
	child_str at = (child_str)t->len;

	if (!s)
		return 0;
	text_add(t, s, strlen(s) + 1);
	return at;
}

static void align(struct text *t)
{
	static const char zeros[8];

	text_add(t, zeros, -t->len & 7);
}

static struct child_list put_list(struct text *t, const void *items, size_t count, size_t size)
{
	struct child_list list = { 0, (uint32_t)count };

	align(t);
	list.offset = (uint32_t)t->len;
	if (count)
		text_add(t, items, count * size);
	return list;
}

static struct child_list put_strings(struct text *t, const struct str_list *strings)
{
	child_str *at = arena_new_array(t->arena, child_str, strings->count);

	for (size_t n = 0; n < strings->count; n++)
		at[n] = put_string(t, strings->items[n]);
	return put_list(t, at, strings->count, sizeof(*at));
}

static const uint32_t mount_kinds[PLAN_MOUNT_KIND_COUNT_] = {
	[PLAN_MOUNT_FS] = CHILD_MOUNT_FS,
	[PLAN_MOUNT_BIND] = CHILD_MOUNT_BIND,
	[PLAN_MOUNT_CGROUP] = CHILD_MOUNT_CGROUP,
	[PLAN_MOUNT_REMOUNT] = CHILD_MOUNT_REMOUNT,
};

static struct child_list put_mounts(struct text *t, const struct plan *plan)
{
	struct child_mount *to = arena_new_array(t->arena, struct child_mount, plan->mounts.count);

	for (size_t n = 0; n < plan->mounts.count; n++) {
		const struct plan_mount *m = &plan->mounts.items[n];
		bool bind = m->kind == PLAN_MOUNT_BIND;
		bool real = m->fstype && !bind &&
			    (!strcmp(m->fstype, "proc") || !strcmp(m->fstype, "sysfs"));

		to[n] = (struct child_mount){
			.kind = mount_kinds[m->kind],
			.target = put_string(t, m->target),
			.source = put_string(t, m->source),
			.fstype = put_string(t, m->fstype),
			.in_root = put_string(t, m->source_in_root),
			.attr_set = m->attr_set, .attr_clear = m->attr_clear,
			.attr_unsaid = m->attr_unsaid,
			.rec_set = m->rec_set, .rec_clear = m->rec_clear,
			.propagation = (uint32_t)m->propagation |
				       (m->propagation_recursive ? MS_REC : 0),
			.recursive = m->recursive, .copy_up = m->copy_up,
			.copy_link = m->copy_link,
			.from_parent = bind && (m->source_from_parent || m->idmap),
			.ordinary_directory = real,
			.data = put_strings(t, &m->data),
			.root_label = put_string(t, m->root_label),
		};
	}
	return put_list(t, to, plan->mounts.count, sizeof(*to));
}

static struct child_list put_devices(struct text *t, const struct plan *plan)
{
	static const uint32_t types[OCI_DEVICE_COUNT_] = {
		[OCI_DEVICE_CHAR] = S_IFCHR, [OCI_DEVICE_BLOCK] = S_IFBLK,
		[OCI_DEVICE_FIFO] = S_IFIFO,
	};
	struct child_device *to =
		arena_new_array(t->arena, struct child_device, plan->devices.count);

	for (size_t n = 0; n < plan->devices.count; n++) {
		const struct plan_device *d = &plan->devices.items[n];

		to[n] = (struct child_device){
			.type = types[d->type], .major = d->major, .minor = d->minor,
			.mode = d->mode, .uid = d->uid, .gid = d->gid,
			.path = put_string(t, d->path),
		};
	}
	return put_list(t, to, plan->devices.count, sizeof(*to));
}

static struct child_list put_symlinks(struct text *t, const struct plan *plan)
{
	size_t count = plan->symlinks.count;
	struct child_pair *to = arena_new_array(t->arena, struct child_pair, count + 1);

	for (size_t n = 0; n < count; n++) {
		to[n].key = put_string(t, plan->symlinks.items[n].target);
		to[n].value = put_string(t, plan->symlinks.items[n].path);
	}
	if (plan->make_ptmx) {
		to[count].key = put_string(t, "pts/ptmx");
		to[count].value = put_string(t, "/dev/ptmx");
		count++;
	}
	return put_list(t, to, count, sizeof(*to));
}

static struct child_list put_pairs(struct text *t, const struct pair_list *pairs)
{
	struct child_pair *to = arena_new_array(t->arena, struct child_pair, pairs->count);

	for (size_t n = 0; n < pairs->count; n++) {
		to[n].key = put_string(t, pairs->items[n].key);
		to[n].value = put_string(t, pairs->items[n].value);
	}
	return put_list(t, to, pairs->count, sizeof(*to));
}

static struct child_list put_hooks(struct text *t, const struct hook_list *hooks)
{
	struct child_hook *to = arena_new_array(t->arena, struct child_hook, hooks->count);

	for (size_t n = 0; n < hooks->count; n++) {
		const struct oci_hook *h = &hooks->items[n];

		to[n] = (struct child_hook){
			.path = put_string(t, h->path),
			.args = put_strings(t, &h->args),
			.env = put_strings(t, &h->env),
			.timeout = h->timeout.set ? (int32_t)h->timeout.value : 0,
		};
	}
	return put_list(t, to, hooks->count, sizeof(*to));
}

/* Splits a state document where the pid stands. */
static void put_state(struct text *t, const char *state, child_str *head, child_str *tail)
{
	char mark[32];
	const char *at;

	if (!state)
		return;
	snprintf(mark, sizeof(mark), "%d", SPAWN_STATE_PID);
	at = strstr(state, "\"pid\":");
	at = at ? strstr(at, mark) : NULL;
	BUG_ON(!at);
	*head = put_string(t, arena_strndup(t->arena, state, (size_t)(at - state)));
	*tail = put_string(t, at + strlen(mark));
}

static child_str put_time_offsets(struct text *t, const struct plan *plan)
{
	const char *monotonic = "", *boottime = "";

	if (plan->monotonic.set)
		monotonic = arena_printf(t->arena, "monotonic %lld %u\n",
					 (long long)plan->monotonic.secs,
					 plan->monotonic.nanosecs);
	if (plan->boottime.set)
		boottime = arena_printf(t->arena, "boottime %lld %u\n",
					(long long)plan->boottime.secs, plan->boottime.nanosecs);
	if (!*monotonic && !*boottime)
		return 0;
	return put_string(t, arena_printf(t->arena, "%s%s", monotonic, boottime));
}

struct namespaces {
	uint32_t new, joined;
	size_t joins;
	bool respawn;
};

/*
 * A new user namespace cannot be made before others are joined, and a pid namespace is entered
 * only by who is born into it: in both cases a first process joins and a second one goes on.
 */
static struct namespaces count_namespaces(const struct plan *plan)
{
	struct namespaces ns = { 0 };

	for (size_t n = 0; n < plan->namespaces.count; n++) {
		if (plan->namespaces.items[n].path) {
			ns.joined |= plan->namespaces.items[n].flag;
			ns.joins++;
		} else {
			ns.new |= plan->namespaces.items[n].flag;
		}
	}
	ns.respawn = (ns.joined & (CLONE_NEWUSER | CLONE_NEWPID)) ||
		     (ns.joins && (ns.new & CLONE_NEWUSER));
	return ns;
}

/*
 * These are made by the child itself: when it is in its cgroup, by offsets, and with the ids of the
 * user namespace, whose root the files of an ipc namespace belong to.
 */
static uint32_t made_by_child(const struct namespaces *ns)
{
	uint32_t types = CLONE_NEWCGROUP | CLONE_NEWTIME;

	if ((ns->new | ns->joined) & CLONE_NEWUSER)
		types |= CLONE_NEWIPC;
	return types & ns->new;
}

uint32_t encode_clone_flags(const struct plan *plan, bool network_apart)
{
	struct namespaces ns = count_namespaces(plan);
	uint32_t others = made_by_child(&ns) | (network_apart ? CLONE_NEWNET : 0);

	return ns.respawn ? 0 : ns.new & ~others;
}

bool encode_network_apart(const struct plan *plan)
{
	struct namespaces ns = count_namespaces(plan);

	return (ns.new & CLONE_NEWNET) && !((ns.new | ns.joined) & CLONE_NEWUSER) && !ns.respawn;
}

static struct child_list put_joins(struct text *t, const struct plan *plan, int first_fd)
{
	struct child_ns *to = arena_new_array(t->arena, struct child_ns, plan->namespaces.count);
	size_t count = 0;

	for (size_t n = 0; n < plan->namespaces.count; n++)
		if (plan->namespaces.items[n].path) {
			to[count].fd = first_fd + (int)count;
			to[count].flag = plan->namespaces.items[n].flag;
			count++;
		}
	return put_list(t, to, count, sizeof(*to));
}

static struct child_list put_limits(struct text *t, const struct plan_process *p)
{
	struct child_rlimit *to = arena_new_array(t->arena, struct child_rlimit, p->rlimits.count);

	for (size_t n = 0; n < p->rlimits.count; n++) {
		to[n].resource = (uint32_t)p->rlimits.items[n].resource;
		to[n].soft = p->rlimits.items[n].soft;
		to[n].hard = p->rlimits.items[n].hard;
	}
	return put_list(t, to, p->rlimits.count, sizeof(*to));
}

static void put_process(struct text *t, struct child_plan *to, const struct plan_process *p)
{
	const char *path = NULL;

	to->flags |= (p->terminal ? CHILD_TERMINAL : 0) | (p->no_new_privs ? CHILD_NO_NEW_PRIVS : 0) |
		     (p->find_home ? CHILD_FIND_HOME : 0) |
		     (p->new_keyring ? CHILD_NEW_KEYRING : 0) |
		     (p->set_groups ? CHILD_SET_GROUPS : 0) | (p->umask.set ? CHILD_SET_UMASK : 0) |
		     (p->all_cpus ? CHILD_ALL_CPUS : 0) |
		     (schedule_wanted(p) ? CHILD_SCHEDULED : 0) |
		     (p->memory_policy.set ? CHILD_SET_MEMORY_POLICY : 0) |
		     (p->personality.set ? CHILD_SET_PERSONALITY : 0);
	for (size_t n = 0; n < p->env.count; n++)
		if (!strncmp(p->env.items[n], "PATH=", 5))
			path = p->env.items[n] + 5;
	to->console_height = p->console_height;
	to->console_width = p->console_width;
	to->cwd = put_string(t, p->cwd ? p->cwd : "/");
	to->args = put_strings(t, &p->args);
	to->env = put_strings(t, &p->env);
	/* What execvp uses when there is none. */
	to->path = put_string(t, path ? path : "/bin:/usr/bin");
	to->apparmor = p->apparmor_profile ?
		put_string(t, arena_printf(t->arena, "exec %s", p->apparmor_profile)) : 0;
	to->selinux = put_string(t, p->selinux_label);
	to->uid = p->uid;
	to->gid = p->gid;
	to->umask = p->umask.value;
	to->groups = put_list(t, p->groups.items, p->groups.count, sizeof(uint32_t));
	to->rlimits = put_limits(t, p);
	to->memory_mode = (uint32_t)p->memory_policy.mode | p->memory_policy.flags;
	to->memory_nodes = put_list(t, p->memory_policy.nodes.words, p->memory_policy.nodes.count,
				    sizeof(uint64_t));
	to->personality = p->personality.value;
	to->cap_bounding = p->cap_bounding;
	to->cap_effective = p->cap_effective;
	to->cap_inheritable = p->cap_inheritable;
	to->cap_permitted = p->cap_permitted;
	to->cap_ambient = p->cap_ambient;
}

static void put_container(struct text *t, struct child_plan *to, const struct plan *plan,
			  const struct encode_facts *facts)
{
	struct namespaces ns = count_namespaces(plan);

	to->flags |= (plan->rootfs_readonly ? CHILD_ROOT_READONLY : 0) |
		     (plan->no_pivot ? CHILD_NO_PIVOT : 0) |
		     (plan->bind_devices ? CHILD_BIND_DEVICES : 0) |
		     (plan->has_process ? 0 : CHILD_NO_PROGRAM) |
		     (ns.respawn ? CHILD_RESPAWN : 0) |
		     ((ns.new | ns.joined) & CLONE_NEWUSER ? CHILD_USER_NS : 0) |
		     (ns.new & CLONE_NEWNET && !facts->network_apart ? CHILD_NEW_NETWORK : 0) |
		     (facts->network_apart ? CHILD_NETWORK_APART : 0);
	if (plan->hooks.prestart.count || plan->hooks.create_runtime.count ||
	    plan->net_devices.count)
		to->flags |= CHILD_AT_HOOKS_WANTED;
	to->joins = put_joins(t, plan, facts->fd_base + 1 + (facts->has_listener ? 1 : 0));
	to->respawn_flags = ns.respawn ? ns.new & ~made_by_child(&ns) : 0;
	to->unshare_flags = made_by_child(&ns);
	to->time_offsets = put_time_offsets(t, plan);
	to->rootfs = put_string(t, plan->rootfs);
	to->rootfs_propagation = (uint32_t)plan->rootfs_propagation;
	to->revealing = put_strings(t, &facts->revealing);
	to->own_cgroup = put_string(t, facts->own_cgroup);
	to->mounts = put_mounts(t, plan);
	to->devices = put_devices(t, plan);
	to->symlinks = put_symlinks(t, plan);
	to->mount_label = put_string(t, plan->mount_label);
	to->masked = put_strings(t, &plan->masked);
	to->readonly = put_strings(t, &plan->readonly);
	to->sysctls = put_pairs(t, &plan->sysctls);
	to->create_hooks = put_hooks(t, &plan->hooks.create_container);
	to->start_hooks = put_hooks(t, &plan->hooks.start_container);
	put_state(t, facts->state, &to->state_head, &to->state_tail);
	put_state(t, facts->start_state, &to->start_state_head, &to->start_state_tail);
	to->hostname = put_string(t, plan->hostname);
	to->domainname = put_string(t, plan->domainname);
}

void encode_plan(const struct plan *plan, const struct plan_process *process,
		 const struct encode_facts *facts, struct arena *a, const void **ret,
		 size_t *ret_len)
{
	struct text t = TEXT_IN(a);
	struct child_plan to = {
		.magic = CHILD_PLAN_MAGIC,
		.flags = (facts->exec ? CHILD_EXEC : 0) | (facts->trace ? CHILD_TRACE_WANTED : 0) |
			 (facts->container_ns & CLONE_NEWUSER ? CHILD_USER_NS : 0),
		.first_free_fd = 3 + plan->preserve_fds,
		.control = facts->fd_base,
		.listener = facts->has_listener ? facts->fd_base + 1 : -1,
		.container = facts->exec ? facts->fd_base + 1 : -1,
		.container_ns = facts->container_ns,
		.ignored_signals = facts->ignored_signals,
		.cap_last = facts->cap_last,
	};

	text_add(&t, (const char *)&to, sizeof(to));
	if (!facts->exec)
		put_container(&t, &to, plan, facts);
	put_process(&t, &to, process);
	to.cap_drop = facts->cap_bounding_now & ~process->cap_bounding;
	if (facts->filter) {
		to.filter = put_list(&t, facts->filter->code, facts->filter->count,
				     sizeof(*facts->filter->code));
		to.filter_flags = facts->filter->flags;
		to.flags |= facts->filter->notify ? CHILD_NOTIFY : 0;
	}
	to.size = (uint32_t)t.len;
	memcpy(t.bytes, &to, sizeof(to));
	*ret = t.bytes;
	*ret_len = t.len;
}
