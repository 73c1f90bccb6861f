/* SPDX-License-Identifier: Apache-2.0 */
#include "life/scope.h"

#include <errno.h>
#include <string.h>

#include "engine/cgroup.h"
#include "orlop/auto.h"

static int refuse_taken(const char *mount, const char *path, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct cgroup_pids pids = { 0 };
	auto_fd int group = cgroup_open(mount, path, e);

	if (group < 0)
		return e->kind == ERR_SYSTEM && e->code == ENOENT ? 0 : -1;
	if (cgroup_pids(group, &a, &pids, e) < 0)
		return err_in(e, "cgroup \"%s\"", path);
	return pids.count == 0 ? 0 :
	       err_set(e, ERR_STATE, "container's cgroup is not empty: %zu process(es) found",
		       pids.count);
}

int scope_find(struct scope *s, const struct life *l, struct plan_cgroup *plan,
	       const char *mount, struct arena *a, struct err *e)
{
	const char *above;

	if (systemd_open(host_systemd_is_users(), l->systemd_ms, a, &s->systemd, e) < 0 ||
	    systemd_control_group(&s->systemd, &above, e) < 0)
		return -1;
	plan->path = arena_printf(a, "%s%s", above, plan->path);
	return refuse_taken(mount, plan->path, e);
}

/* The path is written down and believed later: it has to be where systemd did put the scope. */
static int check_place(const struct scope *s, const struct plan_cgroup *plan, struct err *e)
{
	char path[4096];

	if (placeholder_cgroup(&s->guest, path, sizeof(path), e) < 0)
		return -1;
	return strcmp(path, plan->path) == 0 ? 0 :
	       err_set(e, ERR_SYSTEM, "systemd has put %s into the cgroup \"%s\", and not into "
		       "\"%s\"", plan->unit, path, plan->path);
}

int scope_make(struct scope *s, const struct plan_cgroup *plan, struct err *e)
{
	struct err stop;

	if (placeholder_start(&s->guest, e) < 0)
		return -1;
	if (systemd_start_scope(&s->systemd, plan, s->guest.pid, e) < 0) {
		scope_leave(s);
		return -1;
	}
	if (check_place(s, plan, e) < 0) {
		placeholder_end(&s->guest);
		if (systemd_stop(&s->systemd, plan->unit, &stop) < 0)
			err_hint(e, "%s", stop.text);
		scope_leave(s);
		return -1;
	}
	systemd_close(&s->systemd);
	return 0;
}

void scope_leave(struct scope *s)
{
	placeholder_end(&s->guest);
	systemd_close(&s->systemd);
}

void scope_end(const struct life *l, const char *unit)
{
	auto_arena a = ARENA_NONE;
	auto_systemd s = SYSTEMD_NONE;
	struct err e;

	if (unit && (systemd_open(host_systemd_is_users(), l->systemd_ms, &a, &s, &e) < 0 ||
		     systemd_stop(&s, unit, &e) < 0))
		l->warn(e.text);
}
