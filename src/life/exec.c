/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: one more process in a container. It is born in the container's cgroup and pid namespace
 * and enters the rest by the first process's descriptor, so it is never anywhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/confine.h"
#include "engine/console.h"
#include "engine/label.h"
#include "engine/procfs.h"
#include "engine/resctrl.h"
#include "engine/seccomp.h"
#include "engine/spawn.h"
#include "life/agent.h"
#include "life/bundle.h"
#include "life/container.h"
#include "life/foreground.h"
#include "life/lifecycle.h"
#include "life/pid_file.h"
#include "life/scope.h"
#include "oci/words.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

enum {
	PROCESS_MAX = 16 << 20,
	ENDING_MS = 1000,		/* what a first process may need to take the others along */
};

struct exec {
	const struct life *life;
	const struct life_exec *x;
	struct arena *arena;
	struct container c;
	struct oci_config config;
	struct oci_process spec;
	struct host_facts facts;
	struct plan plan;		/* of the container: what the process shares with it */
	struct plan_process process;
	struct seccomp_filter filter;
	const char *cgroup_path;	/* below the mount */
	int cgroup, procfs;
	struct spawn spawn;
};

static void close_exec(struct exec *x)
{
	spawn_close(&x->spawn);
	auto_close_fd(&x->cgroup);
	auto_close_fd(&x->procfs);
	container_close(&x->c);
}

/* --cap: what the process may do more; it becomes inheritable only if the container's were. */
static void add_caps(struct exec *x)
{
	const struct str_list *names = &x->x->caps;
	struct oci_caps *caps = &x->spec.caps;
	size_t known = caps->unknown.count;
	char **unknown = arena_new_array(x->arena, char *, known + names->count);

	for (size_t n = 0; n < known; n++)
		unknown[n] = caps->unknown.items[n];
	caps->unknown.items = unknown;

	for (size_t n = 0; n < names->count; n++) {
		uint64_t cap;

		caps->set = true;
		/* Left to the planner, which warns: one that nobody knows is granted by nobody. */
		if (!names_find(words_capabilities, names->items[n], &cap)) {
			unknown[caps->unknown.count++] = names->items[n];
			continue;
		}
		caps->bounding |= 1ULL << cap;
		caps->effective |= 1ULL << cap;
		caps->permitted |= 1ULL << cap;
		if (caps->inheritable)
			caps->ambient |= 1ULL << cap;
	}
}

/* An empty list may have no items, which memcpy may not be given. */
static void copy_items(void *to, const void *items, size_t bytes)
{
	if (bytes)
		memcpy(to, items, bytes);
}

static void override(struct exec *x)
{
	const struct life_exec *o = x->x;
	struct oci_process *p = &x->spec;
	size_t groups = p->user.additional_gids.count;
	char **env = arena_new_array(x->arena, char *, p->env.count + o->env.count);
	uint32_t *gids =
		arena_new_array(x->arena, uint32_t, groups + o->additional_gids.count);

	p->line = 0;	/* what is wrong with it is not to be looked for in the configuration */
	p->args = o->args;
	p->terminal = o->tty;
	p->console_size.set = false;
	if (o->cwd && *o->cwd)
		p->cwd = arena_strdup(x->arena, o->cwd);
	copy_items(env, p->env.items, p->env.count * sizeof(*env));
	copy_items(env + p->env.count, o->env.items, o->env.count * sizeof(*env));
	p->env.items = env;
	p->env.count += o->env.count;
	if (o->user_set) {
		p->user.set = true;
		p->user.uid = o->uid;
		if (o->gid_set)
			p->user.gid = o->gid;
	}
	copy_items(gids, p->user.additional_gids.items, groups * sizeof(*gids));
	copy_items(gids + groups, o->additional_gids.items,
		   o->additional_gids.count * sizeof(*gids));
	p->user.additional_gids.items = gids;
	p->user.additional_gids.count += o->additional_gids.count;
	if (o->no_new_privs)
		p->no_new_privileges = true;
	if (o->process_label)
		p->selinux_label = arena_strdup(x->arena, o->process_label);
	if (o->apparmor)
		p->apparmor_profile = arena_strdup(x->arena, o->apparmor);
	add_caps(x);
}

static int read_process(struct exec *x, struct err *e)
{
	const char *file = x->x->process_file;
	const char *text;
	size_t len;

	if (file) {
		text = file_read_stream(file, PROCESS_MAX, x->arena, &len);
		if (!text)
			return err_sys(e, "process file %s", file);
		if (oci_process_read(file, text, len, x->arena, &x->spec, e) < 0)
			return -1;
		/* To say nothing of them is not to ask for none, with the others as well. */
		if (!x->spec.caps.set)
			x->spec.caps = x->config.process.caps;
		return 0;
	}
	x->spec = x->config.process;
	if (!x->spec.set)
		return err_set(e, ERR_CONFIG, "process property must not be empty");
	override(x);
	return 0;
}

static int decide(struct exec *x, struct err *e)
{
	const struct state_record *r = &x->c.record;
	struct plan_options options = {
		.id = r->id, .bundle = r->bundle, .cgroup_driver = x->life->cgroup_driver,
		.detached = x->x->detach, .console_socket = x->x->console_socket != NULL,
		.preserve_fds = x->x->preserve_fds,
	};
	bool in_user_ns = (r->ns_new | r->ns_joined) & CLONE_NEWUSER;
	struct str_list warnings = { 0 };

	struct host_wants wants = bundle_wants(&x->config);

	wants.controllers = false;		/* nothing is limited anew */
	if (read_process(x, e) < 0)
		return -1;
	wants.labels = x->spec.apparmor_profile || x->spec.selinux_label;
	if (host_facts_get(&wants, x->arena, &x->facts, e) < 0)
		return -1;
	if (plan_process(&x->spec, x->x->process_file ? x->x->process_file : "options", &options,
			 &x->facts, &x->config.linux, in_user_ns, x->arena, &x->process, &warnings,
			 e) < 0)
		return -1;
	for (size_t n = 0; n < warnings.count; n++)
		x->life->warn(warnings.items[n]);
	if (plan_keeps_groups(&x->config, &x->facts)) {
		x->process.groups.count = 0;
		x->process.set_groups = false;
	}
	x->plan.preserve_fds = x->x->preserve_fds;
	x->plan.uid_maps = x->config.linux.uid_maps;
	x->plan.gid_maps = x->config.linux.gid_maps;
	x->plan.seccomp = x->config.linux.seccomp.set ? &x->config.linux.seccomp : NULL;
	if (!x->plan.seccomp)
		return 0;
	return seccomp_compile(x->plan.seccomp, x->facts.seccomp_flags, x->arena, &x->filter, e);
}

static const char *cgroup_path(const struct exec *x, struct err *e)
{
	const char *sub = x->x->cgroup;

	if (!sub)
		return x->c.record.cgroup;
	/* The kernel would refuse to leave as well: see cgroup_open. This says why. */
	for (const char *p = sub; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2])) {
			err_set(e, ERR_USAGE, "--cgroup: %.80s is not a sub cgroup path", sub);
			err_hint(e, "it may not lead out of the container's own cgroup");
			return NULL;
		}
	}
	while (*sub == '/')
		sub++;
	return *sub ? arena_printf(x->arena, "%s/%s", x->c.record.cgroup, sub)
		    : x->c.record.cgroup;
}

/* In runc's words where --cgroup was given: there is no other place to fall back to. */
static int not_joined(const struct exec *x, struct err *e)
{
	static const char what[] = "error adding pid of the new process to cgroups";

	if (!x->x->cgroup)
		return -1;
	if (!e->code)
		return err_in(e, "%s", what);
	err_sys_code(e, e->code, "%s: %s%s/cgroup.procs", what, x->c.record.cgroup_mount,
		     x->cgroup_path);
	if (x->cgroup >= 0)
		cgroup_explain_join(x->cgroup, e);
	return -1;
}

/* Where the container's first process is now: it may have moved, or been moved. */
static int open_init_cgroup(struct exec *x, struct err *e)
{
	x->cgroup_path = cgroup_of(x->c.record.pid, x->arena, e);
	if (!x->cgroup_path)
		return -1;
	auto_close_fd(&x->cgroup);
	x->cgroup = cgroup_open(x->c.record.cgroup_mount, x->cgroup_path, e);
	return x->cgroup < 0 ? -1 : 0;
}

static int open_cgroup(struct exec *x, struct err *e)
{
	x->cgroup_path = cgroup_path(x, e);
	if (!x->cgroup_path)
		return -1;
	if (!*x->c.record.cgroup)
		return 0;
	x->cgroup = cgroup_open(x->c.record.cgroup_mount, x->cgroup_path, e);
	/* Somebody has moved the container, and removed its group. */
	if (x->cgroup < 0 && e->code == ENOENT && !x->x->cgroup)
		return open_init_cgroup(x, e);
	return x->cgroup < 0 ? not_joined(x, e) : 0;
}

/*
 * A container that was killed while it was paused looks like one that runs for as long as its
 * processes take to go; whoever is born in it then stays frozen, and nobody can resume it.
 */
static int check_freeze(const struct exec *x, struct err *e)
{
	struct err ignored;
	auto_fd int own = x->x->cgroup && *x->c.record.cgroup ?
		cgroup_open(x->c.record.cgroup_mount, x->c.record.cgroup, &ignored) : -1;
	int group = own >= 0 ? own : x->cgroup;

	if (x->x->ignore_paused || group < 0 || !guard_freeze_asked(group))
		return 0;
	return lifecycle_check(VERB_EXEC, STATE_PAUSED, x->x->id, e);
}

static int join_scope(void *argument, pid_t pid, struct err *e)
{
	struct exec *x = argument;
	const struct state_record *r = &x->c.record;
	size_t len = strlen(r->cgroup);

	if (strncmp(x->cgroup_path, r->cgroup, len) != 0)
		return err_set(e, ERR_STATE, "the container's process has left its cgroup");
	return scope_join(x->life, r->unit, x->cgroup_path + len, x->cgroup_path, pid, e);
}

static int start_process(struct exec *x, struct err *e)
{
	const struct state_record *r = &x->c.record;
	struct spawn_request request = {
		.plan = &x->plan, .process = &x->process, .exec = true, .container = x->c.pidfd,
		.container_ns = r->ns_new | r->ns_joined, .cgroup = x->cgroup, .listener = -1,
		.procfs = x->procfs, .filter = x->plan.seccomp ? &x->filter : NULL,
		.facts = &x->facts, .trace = x->life->trace,
		.join = r->unit && *r->unit ? join_scope : NULL, .argument = x,
	};
	int result = spawn_start(&request, x->arena, &x->spawn, e);

	/* Controllers were enabled below the container's group: only its leaves take processes. */
	if (result < 0 && e->code == EBUSY && !x->x->cgroup && x->cgroup >= 0 &&
	    open_init_cgroup(x, e) == 0) {
		request.cgroup = x->cgroup;
		result = spawn_start(&request, x->arena, &x->spawn, e);
	}
	if (result < 0 && e->code == EBUSY)
		(void)not_joined(x, e);
	return result;
}

static int deliver(struct exec *x, struct err *e)
{
	const struct life_exec *o = x->x;

	if (x->spawn.master >= 0 && o->console_socket &&
	    console_send(o->console_socket, x->spawn.master_name, x->spawn.master, e) < 0)
		return -1;
	if (o->pidfd_socket && console_send(o->pidfd_socket, "setns", x->spawn.pidfd, e) < 0)
		return -1;
	return o->pid_file ? pid_file_write(o->pid_file, x->spawn.pid, e) : 0;
}

/* What the container has of the caches and of the memory's bandwidth, this process shares. */
static int join_resctrl(struct exec *x, struct err *e)
{
	auto_fd int root = -1;
	struct plan_rdt rdt;

	plan_rdt_of(&x->config.linux.intel_rdt, x->c.record.id, x->arena, &rdt);
	if (!rdt.group)
		return 0;
	root = resctrl_open(e);
	return root < 0 ? -1 : resctrl_join(root, &rdt, x->spawn.pid, e);
}

static int let_go(struct exec *x, struct err *e)
{
	struct confine confine = {
		.procfs = x->procfs, .pid = x->spawn.pid, .plan = &x->plan,
		.process = &x->process, .cap_last = x->facts.cap_last,
		.user_ns = (x->c.record.ns_new | x->c.record.ns_joined) & CLONE_NEWUSER,
		.keeps_admin = x->plan.seccomp && !x->process.no_new_privs,
	};
	struct agent agent = {
		.seccomp = x->plan.seccomp, .record = &x->c.record, .status = STATE_RUNNING,
		.pid = x->spawn.pid,
	};
	struct spawn_starting starting = {
		.control = x->spawn.control, .pidfd = x->spawn.pidfd, .plan = &x->plan,
		.process = &x->process, .listener = agent_send, .argument = &agent,
	};

	if (join_resctrl(x, e) < 0 || confine_process(&confine, e) < 0 || deliver(x, e) < 0)
		return -1;
	if (x->spawn.master >= 0 && !x->x->console_socket)
		console_adopt(x->spawn.master);
	return spawn_run(&starting, e) == 0 ? 0 : -1;
}

/*
 * Nobody is born in a pid namespace whose first process ends; the kernel calls it ENOMEM, and does
 * so from the moment in which that begins to take everybody else along.
 */
static int failed(struct exec *x, struct err *e)
{
	if (fd_wait_readable(x->c.pidfd, -1, e->code == ENOMEM ? ENDING_MS : 0) == 0)
		return lifecycle_check(VERB_EXEC, STATE_STOPPED, x->x->id, e);
	return err_in(e, "unable to start container process");
}

/* Up to the moment in which the program runs. */
static int begin(struct exec *x, struct err *e)
{
	enum lifecycle_verb verb = x->x->ignore_paused ? VERB_EXEC_PAUSED : VERB_EXEC;

	if (guard_refuse(x->c.dir, x->x->id, "exec in", e) < 0 ||
	    lifecycle_check(verb, x->c.status, x->x->id, e) < 0 ||
	    container_config(&x->c, x->arena, &x->config, e) < 0 || decide(x, e) < 0)
		return -1;
	if (label_check(&x->process.selinux_label, "process.selinuxLabel", x->arena, e) < 0)
		return -1;
	if (x->process.oom_score_adj.set || x->process.selinux_label) {
		x->procfs = procfs_open(e);
		if (x->procfs < 0)
			return -1;
	}
	if (open_cgroup(x, e) < 0 || check_freeze(x, e) < 0)
		return -1;
	if (start_process(x, e) < 0)
		return failed(x, e);
	if (let_go(x, e) < 0) {
		spawn_kill(&x->spawn);
		return failed(x, e);
	}
	return 0;
}

static int exec_in(struct exec *x, struct foreground *f, struct err *e)
{
	int begun, none = -1, status;

	/*
	 * A process born while the container is being frozen holds us until it is thawed, so nobody
	 * may freeze it meanwhile; unless that is what --ignore-paused asks for.
	 */
	if ((x->x->ignore_paused ? container_open : container_open_shared)(
		    x->life, x->x->id, x->arena, &x->c, e) < 0)
		return -1;
	begun = begin(x, e);
	container_audit(x->life, &x->c, "exec", begun < 0 ? e : NULL);
	if (begun < 0 || x->x->detach)
		return begun;
	f->dir = x->c.dir;
	f->id = x->x->id;
	state_unlock(x->c.dir);
	auto_close_fd(&x->spawn.control);
	status = foreground_wait(f, x->spawn.pid, x->spawn.pidfd,
				 x->x->console_socket ? &none : &x->spawn.master, &NOTIFY_NONE, e);
	if (f->filtered && x->c.record.seccomp)
		x->life->warn(FOREGROUND_FILTERED);
	return status;
}

int life_exec(const struct life *l, const struct life_exec *request, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct foreground f = FOREGROUND_NONE;
	struct exec x = {
		.life = l, .x = request, .arena = &a, .c = CONTAINER_NONE, .cgroup = -1,
		.procfs = -1, .spawn = SPAWN_NONE,
	};
	int status;

	if (!request->detach && foreground_begin(&f, false, e) < 0)
		return -1;
	status = exec_in(&x, &f, e);
	close_exec(&x);
	if (!request->detach)
		foreground_end(&f);
	return status;
}
