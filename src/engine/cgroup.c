/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Making a group and limiting it.
 *
 * The usual case is counted in system calls: the parent directory is there and has the controllers
 * enabled. So little is asked first. The limits are written, and only where a file turns out to
 * be missing are the controllers enabled, from the nearest group above that has them downwards.
 * No directory is listed: the number of siblings does not matter.
 */
#include "engine/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/cgroup_controllers.h"
#include "engine/cgroup_dir.h"
#include "orlop/auto.h"

/*
 * The directories that were made here: `count` of the path's names, of which the last is number
 * `last` (from 1). `parent` is the directory that the walk stands in, `depth` names deep; it is -1
 * when there was no walk.
 */
struct made {
	const char *mount, *path;
	int parent;
	unsigned depth, last, count;
};

/* Copies the name with the given number; a path has no empty names. */
static void path_name(const char *path, unsigned number, char ret[4096])
{
	while (number-- > 1)
		path = strchr(path + 1, '/');
	snprintf(ret, 4096, "%.*s", (int)strcspn(path + 1, "/"), path + 1);
}

static void made_undo(struct made *made)
{
	char name[4096];

	if (made->parent < 0) {
		if (made->count > 0)
			cgroup_dir_remove(made->mount, made->path);
		return;
	}
	for (; made->count > 0; made->count--, made->last--) {
		while (made->depth >= made->last) {
			int above = cgroup_dir_above(made->parent);

			if (above < 0)
				return;
			close(made->parent);
			made->parent = above;
			made->depth--;
		}
		path_name(made->path, made->last, name);
		if (unlinkat(made->parent, name, AT_REMOVEDIR) < 0)
			return;
	}
}

/* What an errno says of one file, where it is not what it says of any. */
static const char *hint_for(const char *file, int code)
{
	static const struct {
		const char *file;
		int code;
		const char *hint;
	} rows[] = {
		{ "cpu.max", EINVAL, "the kernel takes a period from 1000 to 1000000 microseconds, and "
				     "a quota from 1000 on" },
		{ "io.bfq.weight", EOPNOTSUPP, "the I/O scheduler of the device is not BFQ: see its "
					       "queue/scheduler in /sys/block" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].code == code && strcmp(rows[i].file, file) == 0)
			return rows[i].hint;
	return NULL;
}

/* The words for a write that the kernel refused, beyond the errno. */
static int refused_write(int group, const struct plan_cgroup *plan,
			 const struct plan_cgroup_write *w, const char *file, const char *value,
			 int code, struct err *e)
{
	const char *hint = hint_for(file, code);
	char available[256];

	err_sys_code(e, code, "%s: %s \"%s\"", w->member, file, value);
	if (hint)
		return err_hint(e, "%s", hint);
	switch (code) {
	case ENOENT:
		if (!w->controller ||
		    file_read(group, "cgroup.controllers", available, sizeof(available)) < 0)
			break;
		if (cgroup_words_have(available, w->controller))
			return err_hint(e, "this kernel does not have the file");
		return err_hint(e, "the controller \"%s\" is not enabled for cgroup \"%s\" "
				   "(enabled: \"%s\")", w->controller, plan->path, available);
	case ENODEV:
		return err_hint(e, "there is no such device, or the cgroup was removed meanwhile");
	case EOPNOTSUPP:
		return err_hint(e, "the cgroup is threaded or \"domain invalid\": see cgroup.type");
	case EACCES:
	case EPERM:
	case EROFS:
		return err_hint(e, "the cgroup was not delegated to this user, or cgroup2 is "
				   "mounted read-only");
	case ERANGE:
		return err_hint(e, "the value is outside the range that the kernel takes");
	case EINVAL:
		return err_hint(e, "the kernel does not understand the value");
	default:
		break;
	}
	return -1;
}

/* Enabling is tried once, when the first file is missing. */
struct writer {
	int group;
	const struct plan_cgroup *plan;
	bool enabled;
};

static int write_file(struct writer *writer, const struct plan_cgroup_write *w, const char *file,
		      const char *value, struct err *e)
{
	if (strchr(file, '/'))
		return err_set(e, ERR_CONFIG, "%s: \"%s\" is not the name of a cgroup file",
			       w->member, file);
	if (file_write(writer->group, file, value) == 0)
		return 0;
	if (errno == ENOENT && !writer->enabled && w->controller &&
	    cgroup_controllers_planned(writer->plan, w->controller)) {
		writer->enabled = true;
		if (cgroup_controllers_enable(writer->group, writer->plan, e) < 0)
			return -1;
		if (file_write(writer->group, file, value) == 0)
			return 0;
	}
	if (errno == ENOENT)
		return CGROUP_ABSENT;
	return refused_write(writer->group, writer->plan, w, file, value, errno, e);
}

static int write_all(struct writer *writer, struct err *e)
{
	for (size_t i = 0; i < writer->plan->writes.count; i++) {
		const struct plan_cgroup_write *w = &writer->plan->writes.items[i];
		int r = write_file(writer, w, w->file, w->value, e);

		if (r == CGROUP_ABSENT && w->other_file)
			r = write_file(writer, w, w->other_file, w->other_value, e);
		if (r == CGROUP_ABSENT && !w->skip_if_absent)
			return refused_write(writer->group, writer->plan, w, w->file, w->value,
					     ENOENT, e);
		if (r < 0)
			return -1;
	}
	return 0;
}

int cgroup_apply(int group, const struct plan_cgroup *plan, struct err *e)
{
	struct writer writer = { .group = group, .plan = plan };

	/* A controller that no write below would miss has to be asked for. */
	if (!cgroup_controllers_implied(plan)) {
		writer.enabled = true;
		if (cgroup_controllers_enable(group, plan, e) < 0)
			return -1;
	}
	return write_all(&writer, e);
}

/* Refuses a group of somebody else's that a container must not be born into. */
static int check_usable(int group, const char *path, bool populated, struct err *e)
{
	struct cgroup_events events;
	char text[64];
	int r = cgroup_events_get(group, &events);

	if (r < 0)
		return err_sys(e, "cgroup \"%s\": cgroup.events", path);
	if (r == CGROUP_ABSENT)
		return err_set(e, ERR_STATE, "cgroup \"%s\" was removed meanwhile", path);
	if (events.populated && !populated) {
		auto_arena a = ARENA_NONE;
		struct cgroup_pids pids = { 0 };

		if (cgroup_pids(group, &a, &pids, e) < 0)
			return err_in(e, "cgroup \"%s\"", path);
		return err_set(e, ERR_STATE,
			       "container's cgroup is not empty: %zu process(es) found",
			       pids.count);
	}
	if (file_read(group, "cgroup.freeze", text, sizeof(text)) > 0 && strcmp(text, "1") == 0)
		return err_set(e, ERR_STATE, "container's cgroup unexpectedly frozen");
	if (events.frozen)
		return cgroup_check_thawed(group, e);
	if (file_read(group, "cgroup.type", text, sizeof(text)) < 0)
		return err_sys(e, "cgroup \"%s\": cgroup.type", path);
	if (strcmp(text, "domain") == 0)
		return 0;
	err_set(e, ERR_STATE, "cgroup \"%s\" is \"%s\", a container needs a domain", path, text);
	return err_hint(e, "it is part of a threaded subtree; give a cgroupsPath outside of that");
}

/* The files of a group that its owner may write to, as this kernel lists them. */
static int delegate(int group, const struct plan_cgroup *plan, struct err *e)
{
	char files[1024] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
	auto_fd int list = open("/sys/kernel/cgroup/delegate", O_RDONLY | O_CLOEXEC);
	char *rest = files;

	if (list >= 0) {
		ssize_t n = read(list, files, sizeof(files) - 1);

		if (n > 0)
			files[n] = '\0';
	}
	if (fchown(group, plan->delegate_uid, -1) < 0)
		return err_sys(e, "cgroup \"%s\": hand over to user %u", plan->path,
			       plan->delegate_uid);
	for (const char *file; (file = strsep(&rest, "\n"));)
		if (*file && !strchr(file, '/') &&
		    fchownat(group, file, plan->delegate_uid, -1, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return err_sys(e, "cgroup \"%s\": hand %s over to user %u", plan->path,
				       file, plan->delegate_uid);
	return 0;
}

static int make_one(struct made *made, const char *name, const char *path, struct err *e)
{
	if (mkdirat(made->parent, name, 0755) == 0) {
		made->count++;
		made->last = made->depth + 1;
		return 0;
	}
	if (errno == EEXIST) {
		made->count = 0;	/* what is above it is not ours alone any more */
		return 0;
	}
	err_sys(e, "make cgroup \"%s\"", path);
	if (e->code == EAGAIN)
		err_hint(e, "a cgroup above has reached its cgroup.max.descendants or "
			    "cgroup.max.depth");
	else if (e->code == EACCES || e->code == EPERM || e->code == EROFS)
		err_hint(e, "the cgroup above was not delegated to this user, or cgroup2 is "
			    "mounted read-only");
	return -1;
}

/* Makes the group and what is missing above it. */
static int make_path(struct made *made, struct err *e)
{
	const char *path = made->path, *leaf = strrchr(path, '/') + 1;
	auto_fd int top = cgroup_dir_mount(made->mount, e);
	char above[4096], *rest = above;
	int dir;

	if (top < 0)
		return -1;
	if (strlen(path) >= sizeof(above))
		return err_sys_code(e, ENAMETOOLONG, "cgroup \"%.40s...\"", path);
	snprintf(above, sizeof(above), "%.*s", (int)(leaf - path - 1), path);
	made->parent = *above ? cgroup_dir_open(top, above + 1) : take_fd(&top);
	if (made->parent < 0 && errno == ENOENT && *above) {
		made->parent = take_fd(&top);
		strsep(&rest, "/");
		for (const char *name; made->parent >= 0 && (name = strsep(&rest, "/"));) {
			if (make_one(made, name, path, e) < 0)
				return -1;
			dir = cgroup_dir_open(made->parent, name);
			if (dir < 0)
				return err_sys(e, "cgroup \"%s\"", path);
			close(made->parent);
			made->parent = dir;
			made->depth++;
		}
	} else {
		for (const char *c = above; *c; c++)
			made->depth += *c == '/';
	}
	if (made->parent < 0)
		return err_sys(e, "cgroup \"%s\"", path);
	if (make_one(made, leaf, path, e) < 0)
		return -1;
	dir = cgroup_dir_open(made->parent, leaf);
	return dir < 0 ? err_sys(e, "cgroup \"%s\"", path) : dir;
}

static int create(const struct plan_cgroup *plan, struct made *made, struct err *e)
{
	/* The usual case: what is above it is there, and it is not. */
	auto_fd int group = cgroup_dir_make(made->mount, made->path);
	bool at_top;

	if (group >= 0)
		made->count = 1;
	else
		group = make_path(made, e);
	if (group < 0)
		return -1;
	/*
	 * A new one directly below the root is thawed, whatever else is there. That it is no domain
	 * the kernel says when a process is to be born there; a frozen one would not even say that.
	 */
	at_top = strrchr(made->path, '/') == made->path;
	if (made->count == 0 && check_usable(group, made->path, false, e) < 0)
		return -1;
	if (made->count > 0 && !at_top && cgroup_check_thawed(group, e) < 0)
		return -1;
	cgroup_controllers_offer(group, plan);
	if (cgroup_apply(group, plan, e) < 0)
		return -1;
	if (plan->delegate && delegate(group, plan, e) < 0)
		return -1;
	return take_fd(&group);
}

int cgroup_create(const struct plan_cgroup *plan, const char *mount, struct err *e)
{
	struct made made = { .mount = mount, .path = plan->path, .parent = -1 };
	int group;

	if (!plan->path || plan->path[0] != '/' || plan->path[1] == '\0')
		return err_set(e, ERR_CONFIG,
			       "linux.cgroupsPath: the container needs a cgroup below the root");
	group = create(plan, &made, e);
	if (group < 0)
		made_undo(&made);
	auto_close_fd(&made.parent);
	return group;
}

int cgroup_adopt(const struct plan_cgroup *plan, const char *mount, struct err *e)
{
	auto_fd int group = cgroup_open(mount, plan->path, e);

	if (group < 0 || check_usable(group, plan->path, true, e) < 0 ||
	    cgroup_apply(group, plan, e) < 0 ||
	    (plan->delegate && delegate(group, plan, e) < 0))
		return -1;
	return take_fd(&group);
}

int cgroup_room(int group, const struct plan_cgroup *plan, unsigned guests, struct err *e)
{
	const char *value = NULL;
	char text[32], *end;
	unsigned long long limit;

	for (size_t i = 0; i < plan->writes.count; i++)
		if (strcmp(plan->writes.items[i].file, "pids.max") == 0)
			value = plan->writes.items[i].value;
	limit = value ? strtoull(value, &end, 10) : 0;
	if (!value || end == value)	/* "max" */
		return 0;
	snprintf(text, sizeof(text), "%llu", limit + guests);
	if (file_write(group, "pids.max", text) == 0)
		return 0;
	/* The limit is the highest there is: no machine has one process more. */
	if (errno == EINVAL && guests)
		return 0;
	return err_sys(e, "pids.max \"%s\"", text);
}

int cgroup_open(const char *mount, const char *path, struct err *e)
{
	auto_fd int top = cgroup_dir_mount(mount, e);
	int group;

	if (top < 0)
		return -1;
	group = cgroup_dir_open(top, path + (*path == '/'));
	return group < 0 ? err_sys(e, "cgroup \"%s\"", path) : group;
}

int cgroup_check_thawed(int group, struct err *e)
{
	struct err ignored;

	if (cgroup_frozen(group, &ignored) != 1)
		return 0;
	err_set(e, ERR_STATE, "container's cgroup unexpectedly frozen");
	return err_hint(e, "it, or a cgroup above it, is frozen: see cgroup.freeze there");
}

void cgroup_explain_join(int group, struct err *e)
{
	char text[256];

	if (e->code == EBUSY && file_read(group, "cgroup.subtree_control", text, sizeof(text)) > 0)
		err_hint(e, "the cgroup has controllers enabled for groups below it (%s), so it "
			    "cannot have processes of its own", text);
	else if (e->code == EOPNOTSUPP && file_read(group, "cgroup.type", text, sizeof(text)) > 0)
		err_hint(e, "the type of the cgroup is \"%s\", a container needs a domain", text);
	else if (e->code == EAGAIN && file_read(group, "pids.max", text, sizeof(text)) > 0)
		err_hint(e, "pids.max of the cgroup is %s", text);
	else if (e->code == ENOMEM && file_read(group, "memory.max", text, sizeof(text)) > 0 &&
		 strcmp(text, "max") != 0)
		err_hint(e, "memory limit too low? memory.max of the cgroup is %s", text);
	else if (e->code == EACCES)
		err_hint(e, "the cgroup above this process and the container is not this user's: call "
			    "orlop from a group that is delegated to the user, or give "
			    "--systemd-cgroup");
	else if (e->code == ENODEV)
		err_hint(e, "the cgroup was removed meanwhile");
}
