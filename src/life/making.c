/* SPDX-License-Identifier: Apache-2.0 */
#include "life/making.h"

#include <linux/sched.h>

#include "base/clock.h"
#include "engine/cgroup.h"
#include "engine/confine.h"
#include "engine/console.h"
#include "engine/device_filter.h"
#include "engine/encode.h"
#include "engine/hooks.h"
#include "engine/network_ns.h"
#include "engine/procfs.h"
#include "engine/resctrl.h"
#include "life/container.h"
#include "life/making_place.h"
#include "life/pid_file.h"
#include "life/watcher.h"
#include "orlop/auto.h"
#include "orlop/guard.h"
#include "orlop/watch.h"

/* The inverses; each stands where the deed is pushed below. */

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

static int draft_record(struct making *c, pid_t pid, int pidfd, struct err *e)
{
	if (state_identify(pid, pidfd, c->arena, &c->record, e) < 0 ||
	    state_draft(c->dir, &c->record, e) < 0)
		return -1;
	c->drafted = pid;
	return 0;
}

/*
 * The kernel verifies a program for a tenth of a millisecond: time that the child needs anyway.
 * It makes device nodes meanwhile, which every filter allows; hooks and the program come after.
 */
static int meanwhile(void *argument, pid_t pid, int pidfd, struct err *e)
{
	struct making *c = argument;

	return making_attach_programs(c, e) < 0 ? -1 : draft_record(c, pid, pidfd, e);
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
		.meanwhile = meanwhile,
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

static int make(struct making *c, bool listener, struct err *e)
{
	const struct plan *plan = &c->bundle.plan;

	if (encode_network_apart(plan))
		network_ns_begin();
	if (making_place_make(c, listener, e) < 0)
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
	if (state_check_id(create->id, e) < 0 ||
	    bundle_plan(l, create, false, a, &c->bundle, e) < 0)
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
	if (making_place_make(c, false, e) == 0)
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
	/* Another process may have taken the place of the one that was born. */
	if (c->drafted != c->spawn.pid && draft_record(c, c->spawn.pid, c->spawn.pidfd, e) < 0)
		return -1;
	if (state_publish(c->dir, create->id, e) < 0)
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
