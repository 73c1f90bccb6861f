/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup_controllers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "engine/cgroup_dir.h"
#include "orlop/auto.h"

enum { LIST_SIZE = 512 };	/* all controllers of Linux 6.18 together are 60 bytes */

bool cgroup_controllers_planned(const struct plan_cgroup *plan, const char *controller)
{
	for (size_t i = 0; i < plan->controllers.count; i++)
		if (strcmp(plan->controllers.items[i], controller) == 0)
			return true;
	return false;
}

bool cgroup_controllers_implied(const struct plan_cgroup *plan)
{
	for (size_t i = 0; i < plan->controllers.count; i++) {
		bool written = false;

		for (size_t j = 0; j < plan->writes.count && !written; j++) {
			const struct plan_cgroup_write *w = &plan->writes.items[j];

			written = w->controller && !w->skip_if_absent &&
				  strcmp(w->controller, plan->controllers.items[i]) == 0;
		}
		if (!written)
			return false;
	}
	return true;
}

/* The member of the configuration that is why the controller is needed. */
static const char *wanted_by(const struct plan_cgroup *plan, const char *controller)
{
	for (size_t i = 0; i < plan->writes.count; i++)
		if (plan->writes.items[i].controller &&
		    strcmp(plan->writes.items[i].controller, controller) == 0)
			return plan->writes.items[i].member;
	return "linux.resources";
}

/* The path of the group `levels` above the plan's, for messages. */
static const char *path_above(const struct plan_cgroup *plan, unsigned levels, char ret[4096])
{
	snprintf(ret, 4096, "%s", plan->path ? plan->path : "");
	while (levels-- > 0) {
		char *slash = strrchr(ret, '/');

		if (!slash)
			return "above";
		*slash = '\0';
	}
	return *ret ? ret : "/";
}

static bool has_processes(int dir)
{
	char text[16];

	/* The root, which has no cgroup.type, may have processes beside its groups. */
	return faccessat(dir, "cgroup.type", F_OK, 0) == 0 &&
	       file_read(dir, "cgroup.procs", text, sizeof(text)) > 0;
}

static int refused(int dir, const struct plan_cgroup *plan, unsigned levels,
		   const char *controller, int code, struct err *e)
{
	char path[4096], available[LIST_SIZE];
	const char *name = path_above(plan, levels, path);

	err_sys_code(e, code, "%s: enable the controller \"%s\" below cgroup \"%s\"",
		     wanted_by(plan, controller), controller, name);
	switch (code) {
	case EBUSY:
		return err_hint(e, "the cgroup has processes of its own; cgroup v2 enables "
				   "controllers only below a cgroup without (move them into a "
				   "group beside the container's, or give another cgroupsPath)");
	case ENOENT:
		if (file_read(dir, "cgroup.controllers", available, sizeof(available)) < 0)
			break;
		return err_hint(e, "the controllers there are \"%s\"; on a hybrid host the others "
				   "belong to cgroup v1", available);
	case EOPNOTSUPP:
		return err_hint(e, "the cgroup is threaded, only threaded controllers work there");
	case EACCES:
	case EPERM:
	case EROFS:
		return err_hint(e, "the cgroup was not delegated to this user, or cgroup2 is "
				   "mounted read-only");
	default:
		break;
	}
	return -1;
}

/* Enables those of the plan's controllers that `have` lacks for the groups below `dir`. */
static int enable_below(int dir, const struct plan_cgroup *plan, unsigned levels,
			const char *have, struct err *e)
{
	char words[LIST_SIZE], word[64];
	const char *first = NULL;
	size_t len = 0;

	for (size_t i = 0; i < plan->controllers.count; i++) {
		const char *controller = plan->controllers.items[i];

		if (cgroup_words_have(have, controller))
			continue;
		if (!first)
			first = controller;
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s+%s", len ? " " : "",
					controller);
		if (len >= sizeof(words))
			return err_set(e, ERR_INTERNAL, "too many cgroup controllers");
	}
	if (has_processes(dir))
		return refused(dir, plan, levels, first, EBUSY, e);
	if (file_write(dir, "cgroup.subtree_control", words) == 0)
		return 0;
	/* All or none were taken: one by one shows which is the reason. */
	for (size_t i = 0; i < plan->controllers.count; i++) {
		const char *controller = plan->controllers.items[i];

		if (cgroup_words_have(have, controller))
			continue;
		snprintf(word, sizeof(word), "+%s", controller);
		if (file_write(dir, "cgroup.subtree_control", word) < 0)
			return refused(dir, plan, levels, controller, errno, e);
	}
	return 0;
}

static bool has_all(const struct plan_cgroup *plan, const char *have, const char **ret_missing)
{
	for (size_t i = 0; i < plan->controllers.count; i++)
		if (!cgroup_words_have(have, plan->controllers.items[i])) {
			*ret_missing = plan->controllers.items[i];
			return false;
		}
	return true;
}

static int enable(int dir, const struct plan_cgroup *plan, unsigned levels, struct err *e)
{
	char have[LIST_SIZE], path[4096];
	const char *missing = NULL;

	if (file_read(dir, "cgroup.controllers", have, sizeof(have)) < 0)
		return err_sys(e, "cgroup \"%s\": cgroup.controllers",
			       path_above(plan, levels, path));
	if (has_all(plan, have, &missing))
		return 0;

	auto_fd int above = cgroup_dir_above(dir);

	if (above < 0 && errno == ENOENT)
		return refused(dir, plan, levels, missing, ENOENT, e);
	if (above < 0)
		return err_sys(e, "the cgroup above \"%s\"", path_above(plan, levels, path));
	if (enable(above, plan, levels + 1, e) < 0)
		return -1;
	return enable_below(above, plan, levels + 1, have, e);
}

int cgroup_controllers_enable(int group, const struct plan_cgroup *plan, struct err *e)
{
	return enable(group, plan, 0, e);
}

static bool has_offered(const struct plan_cgroup *plan, const char *have)
{
	for (size_t i = 0; i < plan->offered.count; i++)
		if (!cgroup_words_have(have, plan->offered.items[i]))
			return false;
	return true;
}

void cgroup_controllers_offer(int group, const struct plan_cgroup *plan)
{
	char have[LIST_SIZE], word[64];
	auto_fd int above = -1;

	if (plan->offered.count == 0 ||
	    file_read(group, "cgroup.controllers", have, sizeof(have)) < 0 ||
	    has_offered(plan, have))
		return;
	above = cgroup_dir_above(group);
	if (above < 0)
		return;
	cgroup_controllers_offer(above, plan);
	if (has_processes(above))
		return;
	for (size_t i = 0; i < plan->offered.count; i++) {
		if (cgroup_words_have(have, plan->offered.items[i]))
			continue;
		snprintf(word, sizeof(word), "+%s", plan->offered.items[i]);
		/* One may be kept back, as cpu is where real-time processes run; others are not. */
		if (file_write(above, "cgroup.subtree_control", word) < 0)
			continue;
	}
}
