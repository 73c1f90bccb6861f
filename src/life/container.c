/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Looking a container up.
 */
#include "life/container.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/resctrl.h"
#include "json/doc.h"
#include "life/lifecycle.h"
#include "life/watcher.h"
#include "oci/state_doc.h"
#include "orlop/audit.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

void container_close(struct container *c)
{
	auto_close_fd(&c->pidfd);
	auto_close_fd(&c->dir);
	auto_close_fd(&c->root);
}

int container_find(const struct life *l, const char *id, struct container *ret, struct err *e)
{
	struct container c = CONTAINER_NONE;

	if (state_check_id(id, e) < 0)
		return -1;
	c.id = id;
	c.root_path = l->root;
	c.root = state_open_root(l->root, false, e);
	if (c.root < 0)
		return e->code == ENOENT ? CONTAINER_ABSENT : -1;
	*ret = c;
	return state_open(c.root, id, &ret->dir, e);
}

_Static_assert((int)CONTAINER_ABSENT == (int)STATE_ABSENT, "the conditions are passed on");

static int load_record(struct container *c, struct arena *a, struct err *e)
{
	int found = state_load(c->dir, a, &c->record, e);

	if (found != 0)
		return found;
	/*
	 * A directory that was copied is not a second container. Its record is forgotten, so that
	 * nobody follows it to the first one's processes.
	 */
	if (strcmp(c->record.id, c->id) != 0) {
		err_set(e, ERR_STATE, "the state of \"%.80s\" is that of \"%.80s\"", c->id,
			c->record.id);
		c->record = (struct state_record){ 0 };
		return -1;
	}
	return 0;
}

int container_load(struct container *c, struct arena *a, struct err *e)
{
	int found = load_record(c, a, e);

	return found != 0 ? found : state_status(c->dir, &c->record, &c->status, &c->pidfd, e);
}

/* Whether its process lives, and no more. */
static int load_process(struct container *c, struct arena *a, struct err *e)
{
	int found = load_record(c, a, e);

	return found != 0 ? found : state_process(c->dir, &c->record, &c->pidfd, e);
}

/* How it is opened. */
struct opening {
	int (*lock)(int dir, int timeout_ms, struct err *e);	/* NULL: without */
	int wait_ms;
	int (*load)(struct container *c, struct arena *a, struct err *e);
};

static int open_by(const struct opening *by, const struct life *l, const char *id, struct arena *a,
		   struct container *ret, struct err *e)
{
	auto_container c = CONTAINER_NONE;
	int found = container_find(l, id, &c, e);

	if (found == 0 && by->lock) {
		found = by->lock(c.dir, by->wait_ms, e);
		if (found == STATE_BUSY)
			return err_set(e, ERR_STATE, "container \"%.80s\" is busy: another "
				       "operation on it is going on", id);
	}
	if (found == 0)
		found = by->load(&c, a, e);
	if (found != 0)
		return found < 0 ? -1 : lifecycle_absent(e);
	*ret = c;
	c = CONTAINER_NONE;
	return 0;
}

int container_open(const struct life *l, const char *id, struct arena *a, struct container *ret,
		   struct err *e)
{
	const struct opening by = { .load = container_load };

	return open_by(&by, l, id, a, ret, e);
}

int container_open_process(const struct life *l, const char *id, struct arena *a,
			   struct container *ret, struct err *e)
{
	const struct opening by = { .load = load_process };

	return open_by(&by, l, id, a, ret, e);
}

int container_open_locked(const struct life *l, const char *id, int wait_ms, struct arena *a,
			  struct container *ret, struct err *e)
{
	const struct opening by = { state_lock, wait_ms, container_load };

	return open_by(&by, l, id, a, ret, e);
}

int container_open_shared(const struct life *l, const char *id, struct arena *a,
			  struct container *ret, struct err *e)
{
	const struct opening by = { state_lock_shared, CONTAINER_LOCK_MS, container_load };

	return open_by(&by, l, id, a, ret, e);
}

void container_audit(const struct life *l, const struct container *c, const char *operation,
		     const struct err *failed)
{
	struct audit_entry entry = {
		.operation = operation, .id = c->id,
		.result = !failed ? "done" : failed->kind == ERR_HELD ? "refused" : "failed",
		.detail = failed ? failed->text : NULL,
	};
	struct err e;

	if (c->dir >= 0 && guard_concerns(c->dir) && audit_write(l->root, &entry, &e) < 0)
		l->warn(e.text);
}

static bool find_cgroup(const struct container *c, struct arena *a, const char **ret_mount,
			const char **ret_path, const char **ret_unit)
{
	struct err ignored;

	if (c->pidfd < 0) {
		if (state_read_cgroup(c->dir, c->id, a, ret_mount, ret_path, ret_unit,
				      &ignored) == 0)
			return *ret_path[0] != '\0';
		if (state_of_this_boot(&c->record, &ignored) <= 0)
			return false;
	}
	*ret_mount = c->record.cgroup_mount;
	*ret_path = c->record.cgroup;
	*ret_unit = c->record.unit;
	return c->record.cgroup[0] != '\0';
}

bool container_cgroup(const struct container *c, struct arena *a, const char **ret_mount,
		      const char **ret_path)
{
	const char *unit;

	return find_cgroup(c, a, ret_mount, ret_path, &unit);
}

const char *container_unit(const struct container *c, struct arena *a)
{
	const char *mount, *path, *unit;

	return find_cgroup(c, a, &mount, &path, &unit) ? unit : NULL;
}

/* What `update` stored; a container that was never updated has no such file. */
static int updated_resources(const struct container *c, struct arena *a,
			     struct oci_resources *resources, struct err *e)
{
	size_t len = 0;
	char *text = state_read_file(c->dir, "resources.json", DOC_SIZE_MAX, a, &len);

	if (!text && errno == ENOENT)
		return 0;
	if (!text)
		return err_sys(e, "read the resources of \"%.80s\"", c->id);
	return oci_resources_read("resources.json", text, len, a, resources, e);
}

/* A container that has got a group of resctrl by `update` is one that was made with it. */
static int updated_rdt(const struct container *c, struct arena *a, struct oci_intel_rdt *rdt,
		       struct err *e)
{
	const char *group, *monitor;
	int found;

	if (rdt->set || !c->record.resctrl)
		return 0;
	found = state_read_resctrl(c->dir, c->id, a, &group, &monitor, e);
	if (found < 0)
		return -1;
	rdt->set = found == 0 && *group;
	return 0;
}

int container_config(const struct container *c, struct arena *a, struct oci_config *ret,
		     struct err *e)
{
	struct policy policy;
	size_t len = 0;
	char *text = state_read_file(c->dir, "config.json", DOC_SIZE_MAX, a, &len);

	if (!text)
		return err_sys(e, "read the configuration of \"%.80s\"", c->id);
	if (oci_config_read("config.json", text, len, a, ret, e) < 0)
		return -1;
	/* What is run later is watched as what was run first. */
	if (policy_load(c->dir, a, &policy, e) < 0 ||
	    watcher_filter(&policy, c->root_path, c->id, ret, a, e) < 0)
		return -1;
	if (updated_rdt(c, a, &ret->linux.intel_rdt, e) < 0)
		return -1;
	return updated_resources(c, a, &ret->linux.resources, e);
}

const char *container_hook_state(const struct state_record *record, enum state_status status,
				 pid_t pid, struct arena *a)
{
	struct state_doc doc = {
		.oci_version = record->oci_version, .id = record->id, .pid = pid,
		.status = state_status_word(status), .bundle = record->bundle,
		.annotations = record->annotations,
	};

	return state_doc_text(&doc, 0, a);
}

int container_remove_resctrl(int dir, const char *id, struct arena *a, struct err *e)
{
	const char *group, *monitor;
	int found = state_read_resctrl(dir, id, a, &group, &monitor, e);
	auto_fd int root = -1;

	if (found != 0)
		return found < 0 ? -1 : 0;
	root = resctrl_open(e);
	if (root < 0)
		return -1;
	if (resctrl_remove(root, monitor, false, e) < 0)
		return -1;
	/* One of the container's name is its own, another is a class that more may have joined. */
	return resctrl_remove(root, group, *group && strcmp(group + 1, id) != 0, e);
}
