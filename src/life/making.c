/* SPDX-License-Identifier: Apache-2.0 */
#include "life/making.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/confine.h"
#include "engine/console.h"
#include "engine/device_filter.h"
#include "engine/encode.h"
#include "engine/hooks.h"
#include "engine/label.h"
#include "engine/network_ns.h"
#include "engine/procfs.h"
#include "engine/resctrl.h"
#include "life/container.h"
#include "life/notify.h"
#include "life/pid_file.h"
#include "life/watcher.h"
#include "orlop/auto.h"
#include "orlop/guard.h"
#include "orlop/policy.h"
#include "orlop/watch.h"

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

static void undo_spawn(void *argument)
{
	struct making *c = argument;

	spawn_kill(&c->spawn);
}

static void undo_net_devices(void *argument)
{
	struct making *c = argument;

	netdev_move_back(&c->moved, c->life->warn);
}

static void run_poststop(struct making *c)
{
	struct err e;

	if (hooks_run(&c->bundle.plan.hooks.poststop, "poststop",
		      container_hook_state(&c->record, STATE_STOPPED, 0, c->arena), c->bundle.path,
		      c->life->warn, &e) < 0)
		c->life->warn(e.text);
}

static void fill_record(struct making *c)
{
	static const char *const drivers[PLAN_CGROUP_DRIVER_COUNT_] = {
		[PLAN_CGROUP_CGROUPFS] = "cgroupfs", [PLAN_CGROUP_SYSTEMD] = "systemd",
		[PLAN_CGROUP_DISABLED] = "disabled",
	};
	const struct plan *plan = &c->bundle.plan;

	c->record = (struct state_record){
		.version = 1, .id = plan->id, .oci_version = plan->oci_version,
		.bundle = c->bundle.path, .rootfs = plan->rootfs,
		.created = clock_text(9, c->arena), .owner = c->bundle.facts.euid,
		.cgroup = plan->cgroup.driver == PLAN_CGROUP_DISABLED ? "" : plan->cgroup.path,
		.cgroup_mount = c->bundle.facts.cgroup_mount ? c->bundle.facts.cgroup_mount : "",
		.cgroup_driver = drivers[plan->cgroup.driver], .unit = plan->cgroup.unit,
		.poststart = plan->hooks.poststart.count > 0,
		.poststop = plan->hooks.poststop.count > 0,
		.seccomp = plan->seccomp != NULL,
		.annotations = plan->annotations,
	};
	for (size_t n = 0; n < plan->namespaces.count; n++)
		*(plan->namespaces.items[n].path ? &c->record.ns_joined : &c->record.ns_new) |=
			plan->namespaces.items[n].flag;
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

static int join_scope(void *argument, pid_t pid, struct err *e)
{
	struct making *c = argument;
	const struct plan_cgroup *plan = &c->bundle.plan.cgroup;

	return scope_join(c->life, plan->unit, "", plan->path, pid, e);
}

static int guest_leaves(void *argument, struct err *e)
{
	return making_guest_leaves(argument, e);
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

static int move_net_devices(struct making *c, pid_t pid, struct err *e)
{
	int ns = procfs_open_ns(c->procfs, pid, "net", e);

	if (ns < 0)
		return -1;
	undo_push(&c->undo, undo_net_devices, c);
	return netdev_move_all(&c->bundle.plan, ns, c->arena, &c->moved, e);
}

int making_run_hooks(struct making *c, pid_t pid, struct err *e)
{
	const struct oci_hooks *hooks = &c->bundle.plan.hooks;
	const char *state;

	if (c->bundle.plan.net_devices.count && move_net_devices(c, pid, e) < 0)
		return -1;
	state = container_hook_state(&c->record, STATE_CREATING, pid, c->arena);
	if (hooks_run(&hooks->prestart, "prestart", state, c->bundle.path, NULL, e) < 0)
		return -1;
	return hooks_run(&hooks->create_runtime, "createRuntime", state, c->bundle.path, NULL, e);
}

static int at_hooks(void *argument, pid_t pid, struct err *e)
{
	return making_run_hooks(argument, pid, e);
}

int making_attach_programs(struct making *c, struct err *e)
{
	const struct plan_cgroup *plan = &c->bundle.plan.cgroup;

	if (c->cgroup < 0)
		return c->arm ? err_set(e, ERR_CONFIG, "remediation policy: network: a container "
					"without a cgroup cannot be armed") : 0;
	if (plan->filter_devices && device_filter_attach(c->cgroup, plan, e) < 0)
		return -1;
	return c->arm ? guard_arm(c->dir, c->cgroup, e) : 0;
}

/*
 * The kernel verifies a program for a tenth of a millisecond: time that the child needs anyway.
 * It makes device nodes meanwhile, which every filter allows; hooks and the program come after.
 */
static int attach_programs(void *argument, struct err *e)
{
	return making_attach_programs(argument, e);
}

static void undo_watcher(void *argument)
{
	struct making *c = argument;

	watch_end(c->dir);
}

static int make_watcher(struct making *c, struct err *e)
{
	if (!c->bundle.policy.watch.set)
		return 0;
	undo_push(&c->undo, undo_watcher, c);
	return watcher_start(c->life->root, c->create->id, c->dir, e);
}

static int make_process(struct making *c, struct err *e)
{
	const struct bundle *b = &c->bundle;
	const struct plan *plan = &b->plan;
	struct spawn_request request = {
		.plan = plan, .process = &plan->process, .container = -1, .cgroup = c->cgroup,
		.listener = c->listener, .procfs = c->procfs, .facts = &b->facts,
		.filter = plan->seccomp ? &c->filter : NULL,
		.network_comes = network_ns_comes(),
		.join = plan->cgroup.unit ? join_scope : NULL,
		.born = plan->cgroup.unit ? guest_leaves : NULL,
		.at_hooks = at_hooks, .argument = c, .trace = c->life->trace,
		.meanwhile = attach_programs,
	};

	if (c->cgroup >= 0)
		request.own_cgroup = arena_printf(c->arena, "%s%s", b->facts.cgroup_mount,
						  plan->cgroup.path);
	if (plan->hooks.create_container.count)
		request.state = container_hook_state(&c->record, STATE_CREATING, SPAWN_STATE_PID,
						     c->arena);
	if (plan->hooks.start_container.count)
		request.start_state = container_hook_state(&c->record, STATE_CREATED,
							   SPAWN_STATE_PID, c->arena);
	if (spawn_start(&request, c->arena, &c->spawn, e) < 0) {
		if (c->cgroup >= 0 && cgroup_oom_kills(c->cgroup) > 0)
			err_set(e, ERR_SYSTEM,
				"container init was OOM-killed (memory limit too low?)");
		return -1;
	}
	undo_push(&c->undo, undo_spawn, c);
	return 0;
}

static int confine(struct making *c, struct err *e)
{
	const struct plan *plan = &c->bundle.plan;
	struct confine request = {
		.procfs = c->procfs, .pid = c->spawn.pid, .plan = plan, .process = &plan->process,
		.user_ns = (c->record.ns_new | c->record.ns_joined) & CLONE_NEWUSER,
		.keeps_admin = plan->seccomp && !plan->process.no_new_privs,
		.cap_last = c->bundle.facts.cap_last,
	};

	/* Without a process there is no identity to read back; it can never be started. */
	return plan->has_process ? confine_process(&request, e) : 0;
}

static bool writes_to_proc(const struct plan *plan)
{
	for (size_t n = 0; n < plan->mounts.count; n++)
		if (plan->mounts.items[n].idmap != PLAN_IDMAP_NONE)
			return true;
	return plan->uid_maps.count || plan->process.oom_score_adj.set ||
	       plan->process.selinux_label;
}

/* Everything around the process. */
static int make_place(struct making *c, bool listener, struct err *e)
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

static int make(struct making *c, bool listener, struct err *e)
{
	const struct plan *plan = &c->bundle.plan;

	if (encode_network_apart(plan))
		network_ns_begin();
	if (make_place(c, listener, e) < 0)
		return -1;
	if (make_watcher(c, e) < 0 || make_process(c, e) < 0 ||
	    (plan->rdt.group && resctrl_join(c->resctrl, &plan->rdt, c->spawn.pid, e) < 0) ||
	    confine(c, e) < 0)
		return err_in(e, "unable to start container process: error during container init");
	auto_close_fd(&c->listener);	/* the process alone listens now */
	return 0;
}

static int decide(struct making *c, const struct life *l, const struct life_create *create,
		  struct arena *a, struct err *e)
{
	*c = (struct making){
		.life = l, .create = create, .arena = a, .scope = SCOPE_NONE, .spawn = SPAWN_NONE,
		.root = -1, .dir = -1, .cgroup = -1, .procfs = -1, .listener = -1,
		.resctrl = -1,
		.moved = NETDEV_MOVES_NONE,
	};
	if (!create->id || !*create->id)
		return err_set(e, ERR_USAGE, "container id cannot be empty");
	if (!state_id_valid(create->id))
		return err_set(e, ERR_USAGE, "invalid container ID format: \"%.80s\"", create->id);
	if (bundle_plan(l, create, false, a, &c->bundle, e) < 0)
		return -1;
	fill_record(c);
	return 0;
}

int making_ready(struct making *c, const struct life *l, const struct life_create *create,
		 bool listener, struct arena *a, struct err *e)
{
	if (decide(c, l, create, a, e) < 0)
		return -1;
	if (make(c, listener, e) == 0)
		return 0;
	making_undo(c);
	return -1;
}

int making_place(struct making *c, const struct life *l, const struct life_create *create,
		 struct arena *a, struct err *e)
{
	if (decide(c, l, create, a, e) < 0)
		return -1;
	if (make_place(c, false, e) == 0)
		return 0;
	making_undo(c);
	return -1;
}

void making_take_process(struct making *c, pid_t pid, int pidfd)
{
	c->spawn.pid = pid;
	c->spawn.pidfd = pidfd;
	undo_push(&c->undo, undo_spawn, c);
}

int making_check_console(const struct making *c, struct err *e)
{
	const struct life_create *create = c->create;

	if (create->console_socket && !(create->detach && c->bundle.plan.process.terminal))
		return err_set(e, ERR_USAGE, "cannot use console socket if runc will not detach or "
					     "allocate tty");
	return 0;
}

int making_record(struct making *c, struct err *e)
{
	const struct life_create *create = c->create;

	if (c->spawn.master >= 0 && create->console_socket &&
	    console_send(create->console_socket, c->spawn.master_name, c->spawn.master, e) < 0)
		return -1;
	if (create->pidfd_socket &&
	    console_send(create->pidfd_socket, "standard", c->spawn.pidfd, e) < 0)
		return -1;
	if (state_identify(c->spawn.pid, c->spawn.pidfd, c->arena, &c->record, e) < 0 ||
	    state_store(c->dir, &c->record, e) < 0)
		return -1;
	c->recorded = true;
	if (create->pid_file && pid_file_write(create->pid_file, c->spawn.pid, e) < 0)
		return -1;
	return 0;
}

void making_hand_over(struct making *c)
{
	netdev_leave(&c->moved);
}

void making_undo(struct making *c)
{
	struct err e;

	/* Who takes the record away runs the hooks; it may be a `delete --force` that came first. */
	if (c->recorded && c->undo.count && state_drop_record(c->dir, &e) == STATE_ABSENT)
		c->poststop_due = false;
	if (c->poststop_due && c->undo.count) {
		undo_run(&c->undo);
		run_poststop(c);
	}
	undo_run(&c->undo);
}

void making_close(struct making *c)
{
	netdev_leave(&c->moved);
	network_ns_end();
	spawn_close(&c->spawn);
	scope_leave(&c->scope);
	auto_close_fd(&c->listener);
	auto_close_fd(&c->procfs);
	auto_close_fd(&c->resctrl);
	auto_close_fd(&c->cgroup);
	auto_close_fd(&c->dir);
	auto_close_fd(&c->root);
}
