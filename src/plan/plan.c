/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The order of planning, and what belongs to no single subject: the root file system, the
 * descriptors that are handed over, and the smallest kernel that we work on.
 */
#include "plan/planner.h"

#include <string.h>
#include <sys/mount.h>

static int check_host(struct planner *p)
{
	const struct host_facts *f = p->facts;

	if (f->kernel_major < KERNEL_MAJOR_MIN ||
	    (f->kernel_major == KERNEL_MAJOR_MIN && f->kernel_minor < KERNEL_MINOR_MIN))
		return err_set(p->e, ERR_SYSTEM,
			       "this is Linux %u.%u, and %d.%d is the oldest that orlop "
			       "works on", f->kernel_major, f->kernel_minor, KERNEL_MAJOR_MIN,
			       KERNEL_MINOR_MIN);
	return 0;
}

static int check_options(struct planner *p)
{
	const struct plan_options *o = p->options;

	BUG_ON(!o->id || !*o->id);
	BUG_ON(!o->bundle || o->bundle[0] != '/');
	BUG_ON(o->notify_socket && (!o->notify_dir || o->notify_dir[0] != '/'));
	BUG_ON(o->listen_fds > o->preserve_fds);
	return check_host(p);
}

static void plan_root(struct planner *p)
{
	const struct oci_root *root = &p->config->root;
	struct plan *plan = p->plan;

	plan->rootfs = plan_path_below(p->a, p->options->bundle, root->path);
	plan_because_of(p, root->line, "root.path", "rootfs ");
	plan->rootfs_readonly = root->readonly;
	if (root->readonly)
		plan_because_of(p, root->line, "root.readonly", "rootfs-readonly");
	else
		plan_because(p, "default: root.readonly is not set", "rootfs-readonly");
	plan_because(p, "option ID", "id ");
	plan_because(p, "option --bundle", "bundle ");
	plan->no_pivot = p->options->no_pivot;
	plan_because(p, plan->no_pivot ? "option --no-pivot" :
		     "default: the host's mounts are detached", "pivot");
}

/*
 * Without a word the root receives the host's mount events and sends none: what runc does, and
 * what volumes that are mounted later need.
 */
static void plan_propagation(struct planner *p)
{
	static const uint64_t flags[OCI_PROPAGATION_COUNT_] = {
		[OCI_PROPAGATION_UNSET] = MS_SLAVE | MS_REC,
		[OCI_PROPAGATION_SHARED] = MS_SHARED,
		[OCI_PROPAGATION_SLAVE] = MS_SLAVE,
		[OCI_PROPAGATION_PRIVATE] = MS_PRIVATE,
		[OCI_PROPAGATION_UNBINDABLE] = MS_UNBINDABLE,
	};
	enum oci_propagation asked = p->config->linux.rootfs_propagation;

	p->plan->rootfs_propagation = flags[asked];
	if (asked == OCI_PROPAGATION_UNSET)
		plan_because(p, "default: linux.rootfsPropagation is absent", "rootfs-propagation");
	else
		plan_because_of(p, p->config->linux.lines.rootfs_propagation,
				"linux.rootfsPropagation", "rootfs-propagation");
}

/* What is said about sockets in the environment replaces what the configuration says. */
static void add_sockets(struct planner *p)
{
	struct str_list *env = &p->plan->process.env;
	const struct plan_options *o = p->options;

	if (o->listen_fds) {
		plan_put_env(p, env, plan_at(p, "LISTEN_FDS=%u", o->listen_fds));
		plan_put_env(p, env, "LISTEN_PID=1");
		plan_because(p, "option LISTEN_FDS in the environment", "env LISTEN_FDS=");
		plan_because(p, "option LISTEN_FDS in the environment", "env LISTEN_PID=");
	}
	if (o->notify_socket) {
		plan_put_env(p, env, "NOTIFY_SOCKET=/run/notify/notify.sock");
		plan_because(p, "option NOTIFY_SOCKET in the environment", "env NOTIFY_SOCKET=");
	}
}

/* A container may be made without a process; it can then not be started. */
static int plan_init(struct planner *p)
{
	const struct oci_process *process = &p->config->process;

	if (!process->set) {
		plan_because(p, "default: process is absent; the container cannot be started",
			     "process ");
		if (p->options->console_socket)
			return err_set(p->e, ERR_USAGE,
				       "cannot use console socket if runc will not detach "
				       "or allocate tty");
		return 0;
	}
	if (plan_process_into(p, process, &p->plan->process) ||
	    plan_schedule(p, process, &p->config->linux, false, &p->plan->process))
		return -1;
	p->plan->has_process = true;
	add_sockets(p);
	plan_explain_env(p, process, &p->plan->process);
	return 0;
}

static void plan_rest(struct planner *p)
{
	struct plan *plan = p->plan;

	plan->annotations = p->config->annotations;
	for (size_t i = 0; i < plan->annotations.count; i++)
		plan_because_of(p, p->config->lines.annotations, "annotations", "annotation %s ",
				plan_word(p->a, plan->annotations.items[i].key));
	plan->preserve_fds = p->options->preserve_fds;
	plan->listen_fds = p->options->listen_fds;
	if (plan->preserve_fds > plan->listen_fds)
		plan_because(p, "option --preserve-fds", "preserve-fds");
	else if (plan->listen_fds)
		plan_because(p, "option LISTEN_FDS in the environment", "preserve-fds");
	plan->notify_socket = p->options->notify_socket;
	if (plan->notify_socket)
		plan_because(p, "option NOTIFY_SOCKET in the environment", "notify-socket");
}

int plan_make(const struct oci_config *config, const char *name,
	      const struct plan_options *options, const struct host_facts *facts,
	      struct arena *a, struct plan *ret, struct err *e)
{
	struct plan plan = { .id = options->id, .bundle = options->bundle,
			     .oci_version = config->oci_version };
	struct planner p = { .config = config, .name = name, .options = options, .facts = facts,
			     .a = a, .plan = &plan, .warnings = &plan.warnings,
			     .explain = !options->quick, .e = e };

	/* Root, namespaces and id maps first: what is allowed elsewhere depends on them. */
	if (check_options(&p))
		return -1;
	plan_root(&p);
	if (plan_namespaces(&p) || plan_id_maps(&p) ||
	    plan_map_writers(&p) || plan_names(&p) ||
	    plan_net_devices(&p) || plan_sysctls(&p) || plan_mounts(&p) || plan_masks(&p) ||
	    plan_devices(&p) || plan_cgroups(&p) || plan_init(&p) || plan_labels(&p) ||
	    plan_intel_rdt(&p) || plan_seccomp(&p) || plan_harden(&p))
		return -1;
	for (size_t i = 0; i < config->misspelt.count; i++)
		plan_warn(&p, "%s", config->misspelt.items[i]);
	plan_hooks(&p);
	plan_propagation(&p);
	plan_rest(&p);
	*ret = plan;
	return 0;
}
