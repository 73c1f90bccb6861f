/* SPDX-License-Identifier: Apache-2.0 */
#include "life/making_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/label.h"
#include "engine/procfs.h"
#include "engine/resctrl.h"
#include "life/container.h"
#include "life/notify.h"
#include "orlop/auto.h"
#include "orlop/policy.h"

enum { REMOVE_MS = 10 * 1000 };

/* The inverses; each stands where the deed is pushed below. */

static void undo_dir(void *argument)
{
	struct making *c = argument;
	struct err e;

	/* What is left can be found by its state only: then that is what a killed create leaves. */
	if (c->cgroup_stays)
		return;
	if (state_remove(c->root, c->dir, c->create->id, &e) < 0)
		c->life->warn(e.text);
}

static void undo_cgroup(void *argument)
{
	struct making *c = argument;
	const struct host_facts *facts = &c->bundle.facts;
	struct err e;

	/* After a `delete --force` of ours somebody may have a new group of that name. */
	if (faccessat(c->cgroup, "cgroup.procs", F_OK, 0) < 0)
		return;
	auto_close_fd(&c->cgroup);
	if ((c->cgroup_kept ? cgroup_clear : cgroup_remove)
	    (facts->cgroup_mount, c->bundle.plan.cgroup.path, REMOVE_MS, &e) < 0) {
		c->cgroup_stays = true;
		err_hint(&e, "delete --force removes what is left");
		c->life->warn(e.text);
	}
	scope_end(c->life, c->bundle.plan.cgroup.unit);
}

static void undo_guest(void *argument)
{
	struct making *c = argument;

	scope_leave(&c->scope);
}

static void undo_resctrl(void *argument)
{
	struct making *c = argument;
	struct err e;

	if (container_remove_resctrl(c->dir, c->create->id, c->arena, &e) < 0)
		c->life->warn(e.text);
}

/* What is to be done when it goes bad: on disk before there is anything that could. */
static int store_policy(struct making *c, struct err *e)
{
	const char *text;

	if (!c->bundle.has_policy)
		return 0;
	c->arm = c->bundle.policy.network == POLICY_NETWORK_ARMED;
	text = policy_text(&c->bundle.policy, c->arena);
	if (file_create(c->dir, POLICY_FILE, text, strlen(text)) < 0)
		return err_sys(e, "%s/%s/" POLICY_FILE, c->life->root, c->create->id);
	return 0;
}

static int make_directory(struct making *c, struct err *e)
{
	const char *id = c->create->id;
	int claimed;

	c->root = state_open_root(c->life->root, true, e);
	if (c->root < 0)
		return -1;
	claimed = state_claim(c->root, id, &c->dir, e);
	if (claimed == STATE_EXISTS)
		return err_set(e, ERR_STATE, "container with given ID already exists");
	if (claimed < 0)
		return -1;
	undo_push(&c->undo, undo_dir, c);
	if (file_create(c->dir, "config.json", c->bundle.text, c->bundle.len) < 0)
		return err_sys(e, "%s/%s/config.json", c->life->root, id);
	return store_policy(c, e);
}

/*
 * systemd makes the group, with a process of ours in it that stays until the container's own is
 * born there. Where that will be is on disk before it is asked to.
 */
static int make_scope(struct making *c, struct err *e)
{
	struct plan_cgroup *plan = &c->bundle.plan.cgroup;
	const char *mount = c->bundle.facts.cgroup_mount;

	if (scope_find(&c->scope, c->life, plan, mount, c->arena, e) < 0)
		return -1;
	c->record.cgroup = plan->path;
	if (state_write_cgroup(c->dir, c->create->id, mount, plan->path, plan->unit, e) < 0 ||
	    scope_make(&c->scope, plan, e) < 0)
		return -1;
	undo_push(&c->undo, undo_guest, c);
	c->cgroup = cgroup_adopt(plan, mount, e);
	if (c->cgroup < 0) {
		scope_leave(&c->scope);
		scope_end(c->life, plan->unit);
		return -1;
	}
	undo_push(&c->undo, undo_cgroup, c);
	return cgroup_room(c->cgroup, plan, 1, e);
}

int making_guest_leaves(struct making *c, struct err *e)
{
	scope_leave(&c->scope);
	return cgroup_room(c->cgroup, &c->bundle.plan.cgroup, 0, e);
}

/* What is about to be made is on disk before it is made, and so is that it need not be made. */
static int note_cgroup(struct making *c, const char *mount, const char *path, struct err *e)
{
	c->cgroup_kept = access(arena_printf(c->arena, "%s%s", mount, path), F_OK) == 0;
	if (c->cgroup_kept && state_keep_cgroup(c->dir, e) < 0)
		return -1;
	return state_write_cgroup(c->dir, c->create->id, mount, path, NULL, e);
}

static int make_cgroup(struct making *c, struct err *e)
{
	const struct plan_cgroup *plan = &c->bundle.plan.cgroup;
	const char *mount = c->bundle.facts.cgroup_mount;

	if (plan->driver == PLAN_CGROUP_DISABLED)
		return state_write_cgroup(c->dir, c->create->id, "", "", NULL, e);
	if (plan->driver == PLAN_CGROUP_SYSTEMD)
		return make_scope(c, e);
	if (note_cgroup(c, mount, plan->path, e) < 0)
		return -1;
	c->cgroup = cgroup_create(plan, mount, e);
	if (c->cgroup < 0)
		return -1;
	undo_push(&c->undo, undo_cgroup, c);
	return 0;
}

/*
 * What is about to be made is on disk before it is made, and only that: a group that is there
 * belongs to somebody else.
 */
static int make_resctrl(struct making *c, struct err *e)
{
	const struct plan_rdt *plan = &c->bundle.plan.rdt;
	const char *monitor = plan->monitor ? plan->monitor : "";
	int is_new;

	c->resctrl = resctrl_open(e);
	is_new = c->resctrl < 0 ? -1 : resctrl_is_new(c->resctrl, plan, e);
	if (is_new < 0)
		return -1;
	if (is_new || *monitor) {
		if (state_write_resctrl(c->dir, c->create->id, is_new ? plan->group : "", monitor,
					e) < 0)
			return -1;
		c->record.resctrl = true;
		undo_push(&c->undo, undo_resctrl, c);
	}
	return resctrl_prepare(c->resctrl, plan, is_new, e);
}

/*
 * start.sock: bound by a path below the directory's descriptor, so that neither the length of the
 * root's path nor our own working directory matters.
 */
static int make_listener(struct making *c, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/start.sock", c->dir);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 16) < 0)
		return err_sys(e, "%s/%s/start.sock", c->life->root, c->create->id);
	c->listener = take_fd(&fd);
	return 0;
}

static bool writes_to_proc(const struct plan *plan)
{
	for (size_t n = 0; n < plan->mounts.count; n++)
		if (plan->mounts.items[n].idmap != PLAN_IDMAP_NONE)
			return true;
	return plan->uid_maps.count || plan->process.oom_score_adj.set ||
	       plan->process.selinux_label;
}

int making_place_make(struct making *c, bool listener, struct err *e)
{
	const struct plan *plan = &c->bundle.plan;

	if (bundle_check_rootfs(plan, e) < 0 || make_directory(c, e) < 0)
		return -1;
	c->poststop_due = plan->hooks.poststop.count > 0;
	if (plan->seccomp && seccomp_compile(plan->seccomp, c->bundle.facts.seccomp_flags,
					     c->arena, &c->filter, e) < 0)
		return -1;
	if (label_check(&c->bundle.plan.process.selinux_label, "process.selinuxLabel", c->arena,
			e) < 0 ||
	    label_check(&c->bundle.plan.mount_label, "linux.mountLabel", c->arena, e) < 0)
		return -1;
	if (notify_prepare(c->dir, e) < 0 || make_cgroup(c, e) < 0 ||
	    (listener && make_listener(c, e) < 0))
		return -1;
	if (plan->rdt.group && make_resctrl(c, e) < 0)
		return -1;
	if (writes_to_proc(plan)) {
		c->procfs = procfs_open(e);
		if (c->procfs < 0)
			return -1;
	}
	return 0;
}
