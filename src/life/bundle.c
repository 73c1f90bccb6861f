/* SPDX-License-Identifier: Apache-2.0 */
#include "life/bundle.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/seccomp_watch.h"
#include "life/notify.h"
#include "life/watcher.h"
#include "orlop/auto.h"

enum { CONFIG_MAX = 16 << 20 };

const char *bundle_absolute(const char *path, struct arena *a, struct err *e)
{
	char cwd[PATH_MAX];
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (path[0] == '/')
		return arena_strndup(a, path, len);
	if (!getcwd(cwd, sizeof(cwd))) {
		err_sys(e, "current directory");
		return NULL;
	}
	if (!len || !strcmp(path, "."))
		return arena_strdup(a, cwd);
	return arena_printf(a, "%s/%.*s", cwd, (int)len, path);
}

static int read_config(const struct life_create *c, struct arena *a, struct bundle *b,
		       struct err *e)
{
	const char *file = c->config ? c->config : arena_printf(a, "%s/config.json", b->path);

	b->text = file_read_path(file, CONFIG_MAX, a, &b->len);
	if (b->text)
		return oci_config_read(c->config ? c->config : "config.json", b->text, b->len, a,
				       &b->config, e);
	if (errno == EFBIG)
		return err_set(e, ERR_CONFIG, "%s: is larger than 16 MiB", file);
	if (errno == ENOENT && !c->config && access(b->path, F_OK) == 0) {
		err_set(e, ERR_CONFIG, "JSON specification file config.json not found");
		return err_hint(e, "looked for %s", file);
	}
	if (errno == ENOENT && !c->config)
		return err_sys(e, "chdir %s", b->path);
	return err_sys(e, "%s", file);
}

static bool limits_something(const struct oci_resources *r)
{
	return r->memory.set || r->cpu.set || r->pids.set || r->block_io.set ||
	       r->hugepages.count || r->rdma.count || r->unified.count;
}

struct host_wants bundle_wants(const struct oci_config *config)
{
	const struct oci_process *process = &config->process;
	struct host_wants wants = {
		.controllers = limits_something(&config->linux.resources),
		.labels = process->apparmor_profile || process->selinux_label ||
			  config->linux.mount_label,
		.seccomp = config->linux.seccomp.set,
	};

	for (size_t n = 0; n < config->linux.namespaces.count; n++)
		if (config->linux.namespaces.items[n].type == OCI_NS_TIME)
			wants.time_ns = true;
	return wants;
}

int bundle_plan(const struct life *l, const struct life_create *c, bool explain,
		struct arena *a, struct bundle *ret, struct err *e)
{
	struct plan_options options = {
		.id = c->id, .cgroup_driver = l->cgroup_driver, .no_pivot = c->no_pivot,
		.no_new_keyring = c->no_new_keyring, .detached = c->detach,
		.console_socket = c->console_socket != NULL,
		.preserve_fds = c->preserve_fds, .listen_fds = c->listen_fds, .quick = !explain,
		.notify_socket = notify_wanted() != NULL,
		.notify_dir = arena_printf(a, "%s/%s/%s", l->root, c->id ? c->id : "",
					   notify_directory),
	};
	struct host_wants wants;

	/* In its place: the plan points into the configuration. */
	*ret = (struct bundle){ .path = bundle_absolute(c->bundle ? c->bundle : ".", a, e) };
	if (!ret->path || read_config(c, a, ret, e) < 0)
		return -1;
	if (policy_resolve(&ret->config.annotations, a, &ret->policy, &ret->has_policy, e) < 0 ||
	    watcher_filter(&ret->policy, l->root, c->id ? c->id : "", &ret->config, a, e) < 0)
		return -1;
	if (c->learner)
		seccomp_learn(&ret->config.linux.seccomp, c->learner, a);
	wants = bundle_wants(&ret->config);
	wants.cgroup_self = options.cgroup_driver == PLAN_CGROUP_DISABLED;
	if (host_facts_get(&wants, a, &ret->facts, e) < 0)
		return -1;
	options.bundle = ret->path;
	if (plan_make(&ret->config, "config.json", &options, &ret->facts, a, &ret->plan, e) < 0)
		return -1;
	for (size_t n = 0; n < ret->plan.warnings.count; n++)
		l->warn(ret->plan.warnings.items[n]);
	return 0;
}

int bundle_check_rootfs(const struct plan *plan, struct err *e)
{
	struct stat st;

	if (lstat(plan->rootfs, &st) < 0)
		return err_sys(e, "invalid rootfs: stat %s", plan->rootfs);
	if (S_ISLNK(st.st_mode))
		return err_set(e, ERR_CONFIG, "invalid rootfs: %s is a symbolic link",
			       plan->rootfs),
		       err_hint(e, "name the directory that it leads to in root.path");
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_CONFIG, "invalid rootfs: %s is not a directory",
			       plan->rootfs);
	return 0;
}

int life_plan(const struct life *l, const struct life_create *c, struct arena *a,
	      struct plan *ret, struct err *e)
{
	struct bundle *b = arena_new(a, struct bundle);	/* the plan points into it */

	if (bundle_plan(l, c, true, a, b, e) < 0)
		return -1;
	*ret = b->plan;
	return 0;
}
