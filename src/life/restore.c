/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. restore: everything around the processes is made as create makes it, and criu makes
 * the processes, in their cgroup from the first. Its stages, of which it tells, and what is done:
 *
 *   pre-restore		systemd's scope needs nobody else any more
 *   setup-namespaces	network devices and hooks, as at create
 *   orphan-pts-master	the terminal's master
 *   pre-resume		the processes are complete and stand still: what they may do is read
 *			back, and the record is written. Only then they go on
 *
 * On any error they are killed before they have done anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/cgroup.h"
#include "engine/console.h"
#include "engine/criu.h"
#include "engine/criu_mounts.h"
#include "engine/label.h"
#include "engine/procfs.h"
#include "engine/restored.h"
#include "life/foreground.h"
#include "life/images.h"
#include "life/making.h"
#include "life/notify.h"
#include "orlop/auto.h"

enum { CRIU_PROCESSES = 32 };	/* more than it has beside those that it restores */

struct restore {
	const struct life_restore *x;
	struct making c;
	struct images images;
	struct criu_stage stage;
	struct criu_request request;
	const char *lsm_profile, *mount_context;	/* as the kernel will show them; or NULL */
	int namespaces[2];		/* to be joined: network, pid; -1 */
	bool is_back;			/* the processes are there, and may go on */
};

static const char ns_keys[][16] = { "extRootNetNS", "extRootPidNS" };

/* ---- what criu tells ---- */

static int leave_guest(struct making *c, struct err *e)
{
	const struct plan_cgroup *plan = &c->bundle.plan.cgroup;

	if (!plan->unit)
		return 0;
	return making_guest_leaves(c, e) < 0 ? -1 : cgroup_room(c->cgroup, plan, CRIU_PROCESSES, e);
}

static int run_hooks(struct restore *r, pid_t pid, struct err *e)
{
	const struct oci_hooks *hooks = &r->c.bundle.plan.hooks;

	if (!r->x->unconnected)
		return making_run_hooks(&r->c, pid, e);
	if (hooks->prestart.count || hooks->create_runtime.count)
		r->c.life->warn("hooks not run: with --network none nobody may connect it");
	return 0;
}

static int take_terminal(struct making *c, int fd, struct err *e)
{
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, "criu: a terminal without a descriptor");
	auto_close_fd(&c->spawn.master);
	c->spawn.master = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (c->spawn.master < 0)
		return err_sys(e, "terminal");
	snprintf(c->spawn.master_name, sizeof(c->spawn.master_name), "orphan-pts-master");
	return 0;
}

/* A number that criu said is believed when it is our child's: nobody else can have it then. */
static int take_process(struct making *c, pid_t pid, struct err *e)
{
	auto_fd int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	siginfo_t info;

	if (pidfd < 0)
		return err_sys(e, "restored process %d", (int)pid);
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return err_sys(e, "restored process %d: is not ours", (int)pid);
	making_take_process(c, pid, take_fd(&pidfd));
	return 0;
}

/* Two lines of headings, one for each device. */
static int check_unconnected(pid_t pid, struct err *e)
{
	char text[4096], *line = text;

	if (procfs_read(-1, pid, "net/dev", text, sizeof(text), e) < 0)
		return -1;
	for (int n = 0; (line = strchr(line, '\n')); n++) {
		line += 1 + strspn(line + 1, " ");
		if (n > 0 && *line && strncmp(line, "lo:", 3) != 0)
			return err_set(e, ERR_POLICY, "--network none: there is a device %.*s",
				       (int)strcspn(line, ":"), line);
	}
	return 0;
}

/* A process may be in a time namespace that the configuration does not know: exec has to follow. */
static void note_time_namespace(struct making *c)
{
	static const char kind[] = "time";
	struct err ignored;
	auto_fd int theirs = procfs_open_ns(-1, c->spawn.pid, kind, &ignored);
	auto_fd int ours = procfs_open_ns(-1, getpid(), kind, &ignored);
	struct stat one, other;

	if (theirs >= 0 && ours >= 0 && fstat(theirs, &one) == 0 && fstat(ours, &other) == 0 &&
	    one.st_ino != other.st_ino && !(c->record.ns_joined & CLONE_NEWTIME))
		c->record.ns_new |= CLONE_NEWTIME;
}

static int before_resume(struct restore *r, struct err *e)
{
	struct making *c = &r->c;
	struct restored restored = {
		.plan = &c->bundle.plan, .pid = c->spawn.pid, .group = c->cgroup,
		.lsm_profile = r->lsm_profile, .cap_last = c->bundle.facts.cap_last,
	};

	if (restored_check(&restored, c->arena, e) < 0 ||
	    (r->x->unconnected && check_unconnected(c->spawn.pid, e) < 0))
		return -1;
	if (c->cgroup >= 0 && cgroup_room(c->cgroup, &c->bundle.plan.cgroup, 0, e) < 0)
		return -1;
	note_time_namespace(c);
	if (making_record(c, e) < 0)
		return -1;
	r->is_back = true;
	return 0;
}

static int hear_stage(void *argument, const char *name, pid_t pid, int fd, struct err *e)
{
	struct restore *r = argument;

	/* criu is where it has to be; hooks and all that follows are to find the host's mounts. */
	if (criu_stage_leave(&r->stage, e) < 0)
		return -1;
	if (!strcmp(name, "pre-restore"))
		return leave_guest(&r->c, e);
	if (!strcmp(name, "setup-namespaces"))
		return run_hooks(r, pid, e);
	if (!strcmp(name, "orphan-pts-master"))
		return take_terminal(&r->c, fd, e);
	if (!strcmp(name, "post-restore"))
		return take_process(&r->c, pid, e);
	if (!strcmp(name, "pre-resume"))
		return before_resume(r, e);
	return 0;
}

/* ---- what criu is asked ---- */

static int add_joined(struct restore *r, size_t index, const char *path, struct err *e)
{
	r->namespaces[index] = open(path, O_RDONLY | O_CLOEXEC);
	if (r->namespaces[index] < 0)
		return err_sys(e, "linux.namespaces: %s", path);
	r->request.inherit.items[r->request.inherit.count++] =
		(struct criu_inherit){ ns_keys[index], r->namespaces[index] };
	return 0;
}

static int join_namespaces(struct restore *r, struct err *e)
{
	static const char *const kinds[OCI_NS_COUNT_] = {
		[OCI_NS_IPC] = "ipc", [OCI_NS_UTS] = "uts", [OCI_NS_USER] = "user",
		[OCI_NS_MOUNT] = "mnt", [OCI_NS_TIME] = "time",
	};
	struct plan *plan = &r->c.bundle.plan;

	r->request.join.items = arena_new_array(r->c.arena, struct oci_pair, OCI_NS_COUNT_);
	for (size_t n = 0; n < plan->namespaces.count; n++) {
		const struct plan_namespace *ns = &plan->namespaces.items[n];
		bool is_net = ns->type == OCI_NS_NETWORK;

		if (!ns->path)
			continue;
		if (is_net || ns->type == OCI_NS_PID) {
			if (add_joined(r, is_net ? 0 : 1, ns->path, e) < 0)
				return -1;
		} else if (kinds[ns->type]) {
			r->request.join.items[r->request.join.count++] = (struct oci_pair){
				arena_strdup(r->c.arena, kinds[ns->type]),
				arena_strdup(r->c.arena, ns->path),
			};
		} else {
			return err_set(e, ERR_CONFIG, "linux.namespaces: criu cannot restore into "
				       "a cgroup namespace that is there");
		}
	}
	return 0;
}

/* A network namespace as it is born. */
static int empty_network(struct err *e)
{
	auto_fd int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_fd int made = -1;

	if (home < 0 || unshare(CLONE_NEWNET) < 0)
		return err_sys(e, "network namespace");
	made = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (setns(home, CLONE_NEWNET) < 0 || made < 0)
		return err_sys(e, "network namespace");
	return take_fd(&made);
}

static void add_network(struct plan *plan, struct arena *a)
{
	size_t count = plan->namespaces.count;
	struct plan_namespace *more = arena_new_array(a, struct plan_namespace, count + 1);

	if (count)
		memcpy(more, plan->namespaces.items, count * sizeof(*more));
	more[count] = (struct plan_namespace){ OCI_NS_NETWORK, CLONE_NEWNET, NULL };
	plan->namespaces.items = more;
	plan->namespaces.count = count + 1;
}

/*
 * --network none. Its own becomes an empty one; in the place of one that was joined, and of the
 * host's, is one that we make. What was connected is not any more.
 */
static int disconnect(struct restore *r, struct err *e)
{
	struct making *c = &r->c;
	struct plan *plan = &c->bundle.plan;
	struct criu_request *q = &r->request;
	struct plan_namespace *net = NULL;

	q->tcp_close = true;
	for (size_t n = 0; n < plan->namespaces.count; n++)
		if (plan->namespaces.items[n].type == OCI_NS_NETWORK)
			net = &plan->namespaces.items[n];
	if (net && !net->path) {
		q->empty_ns |= CLONE_NEWNET;
		return 0;
	}
	r->namespaces[0] = empty_network(e);
	if (r->namespaces[0] < 0)
		return -1;
	c->record.ns_joined &= ~(uint32_t)CLONE_NEWNET;
	c->record.ns_new |= CLONE_NEWNET;
	if (net) {
		net->path = NULL;
		q->inherit.items[q->inherit.count++] =
			(struct criu_inherit){ ns_keys[0], r->namespaces[0] };
		return 0;
	}
	q->network = r->namespaces[0];
	add_network(plan, c->arena);
	return 0;
}

/* What the loaded policy does not know, criu says as a number, or hangs over. */
static int check_labels(struct restore *r, struct err *e)
{
	static const char apparmor[] = "apparmor:", selinux[] = "selinux:";
	const char *given = r->x->lsm_profile;
	const char *profile = r->c.bundle.plan.process.apparmor_profile;

	if (given && !strchr(given, ':'))
		return err_set(e, ERR_USAGE, "--lsm-profile: use TYPE:NAME");
	if (given)
		profile = strncmp(given, apparmor, strlen(apparmor)) == 0 ?
			  given + strlen(apparmor) : NULL;
	if (profile && label_check_profile(profile, r->c.arena, e) < 0)
		return -1;
	if (given && !strncmp(given, selinux, strlen(selinux))) {
		const char *label = given + strlen(selinux);

		if (label_check(&label, "--lsm-profile", r->c.arena, e) < 0)
			return -1;
		given = arena_printf(r->c.arena, "%s%s", selinux, label);
	}
	r->lsm_profile = given;
	r->mount_context = r->x->lsm_mount_context;
	return label_check(&r->mount_context, "--lsm-mount-context", r->c.arena, e);
}

static int describe(struct restore *r, struct err *e)
{
	const struct life_restore *x = r->x;
	struct making *c = &r->c;
	const struct plan *plan = &c->bundle.plan;
	struct criu_request *q = &r->request;
	struct plan_external_list externals;

	if (c->bundle.policy.watch.set)
		return err_set(e, ERR_CONFIG, "remediation policy: watch: the calls of a restored "
			       "container cannot be watched");
	if (check_labels(r, e) < 0)
		return -1;
	plan_externals(plan, c->arena, &externals);
	if (criu_stage_enter(plan, &externals,
			     arena_printf(c->arena, "%s/%s", c->life->root, c->create->id),
			     c->cgroup < 0 ? NULL :
			     arena_printf(c->arena, "%s%s", c->bundle.facts.cgroup_mount,
					  plan->cgroup.path),
			     c->procfs, c->arena, &r->stage, e) < 0)
		return -1;
	/* In there: criu mounts below the work directory, which has to be of its own namespace. */
	if (images_open(&x->criu, false, c->arena, &r->images, e) < 0 ||
	    images_request(&x->criu, &r->images, &plan->annotations, c->arena, q, e) < 0)
		return -1;
	q->what = CRIU_RESTORE;
	q->log_file = "restore.log";
	q->cgroup = c->cgroup;
	q->cgroup_mount = c->bundle.facts.cgroup_mount;
	q->own_cgroup_ns = (c->record.ns_new | c->record.ns_joined) & CLONE_NEWCGROUP;
	q->cgroup_path = c->cgroup >= 0 ? plan->cgroup.path : NULL;
	q->lsm_profile = r->lsm_profile;
	q->lsm_mount_context = r->mount_context;
	q->stage = hear_stage;
	q->argument = r;
	if (images_read_streams(&r->images, c->arena, q, e) < 0 ||
	    (x->unconnected && disconnect(r, e) < 0) || join_namespaces(r, e) < 0)
		return -1;
	q->root = r->stage.root;
	q->mounts = r->stage.mounts;
	return 0;
}

static int restore(struct restore *r, struct err *e)
{
	struct making *c = &r->c;
	const struct plan_cgroup *plan = &c->bundle.plan.cgroup;
	int result = describe(r, e);
	struct err leaving;

	if (result == 0 && c->cgroup >= 0)
		result = cgroup_room(c->cgroup, plan, CRIU_PROCESSES, e);
	if (result == 0)
		result = making_attach_programs(c, e);
	if (result == 0) {
		result = criu_run(&r->request, c->arena, e);
		if (result < 0)
			images_blame(&r->images, &r->request, e);
	}
	if (criu_stage_leave(&r->stage, result == 0 ? e : &leaving) < 0)
		result = -1;
	if (result == 0 && !r->is_back)
		return err_set(e, ERR_SYSTEM, "criu did not tell when the processes were there");
	return result;
}

/* ---- afterwards ---- */

static int stay(struct making *c, struct foreground *f, struct err *e)
{
	struct notify nobody = NOTIFY_NONE;
	int none = -1, status;

	state_unlock(c->dir);
	status = foreground_wait(f, c->spawn.pid, c->spawn.pidfd,
				 c->create->console_socket ? &none : &c->spawn.master, &nobody, e);
	if (status >= 0)
		auto_close_fd(&c->spawn.pidfd);
	return status;
}

static int run(struct restore *r, struct foreground *f, const struct life *l, struct arena *a,
	       struct err *e)
{
	const struct life_create *create = &r->x->create;
	struct making *c = &r->c;
	int status = -1;

	if (making_place(c, l, create, a, e) < 0)
		return -1;
	if (making_check_console(c, e) == 0 && restore(r, e) == 0) {
		making_hand_over(c);
		status = create->detach ? 0 : stay(c, f, e);
	}
	if (status >= 0 && create->detach)
		undo_forget(&c->undo);
	making_undo(c);
	return status;
}

int life_restore(const struct life *l, const struct life_restore *x, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct foreground f = FOREGROUND_NONE;
	struct restore r = {
		.x = x, .images = IMAGES_NONE, .stage = CRIU_STAGE_NONE, .namespaces = { -1, -1 },
	};
	int status;

	if (!x->create.detach && foreground_begin(&f, !x->create.no_subreaper, e) < 0)
		return -1;
	status = run(&r, &f, l, &a, e);
	making_close(&r.c);
	images_close(&r.images);
	auto_close_fd(&r.namespaces[0]);
	auto_close_fd(&r.namespaces[1]);
	if (!x->create.detach)
		foreground_end(&f);
	return status;
}
