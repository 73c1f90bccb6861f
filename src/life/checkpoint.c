/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. checkpoint: what the container's processes are is written to disk by criu. The
 * container goes on when that does not work, when it was asked for, and after a pre-dump; otherwise
 * criu has killed its processes, and it is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/cgroup.h"
#include "engine/criu.h"
#include "engine/criu_mounts.h"
#include "engine/procfs.h"
#include "life/bundle.h"
#include "life/container.h"
#include "life/images.h"
#include "life/lifecycle.h"
#include "orlop/auto.h"
#include "orlop/evidence.h"
#include "orlop/guard.h"

enum { THAW_MS = 250 };

struct checkpoint {
	const struct life *life;
	const struct life_checkpoint *x;	/* or: */
	const struct evidence_dump *dump;
	struct container c;
	struct images images;
	struct arena a;
};

/* The plan again, of the configuration that the container was made from. */
static int find_mounts(struct checkpoint *k, struct criu_request *r, struct err *e)
{
	struct plan_options options = {
		.id = k->c.id, .bundle = k->c.record.bundle, .detached = true,
		.quick = true, .notify_socket = true, .notify_dir = "/",
	};
	struct plan_external_list externals;
	struct oci_config config = { 0 };
	struct host_facts facts;
	struct host_wants wants;
	struct plan plan;

	if (container_config(&k->c, &k->a, &config, e) < 0)
		return -1;
	/* Its cgroup and its terminal are there, and not what is asked about. */
	config.process.terminal = false;
	config.linux.resources = (struct oci_resources){ 0 };
	config.linux.cgroups_path = NULL;
	wants = bundle_wants(&config);
	if (host_facts_get(&wants, &k->a, &facts, e) < 0 ||
	    plan_make(&config, "config.json", &options, &facts, &k->a, &plan, e) < 0)
		return -1;
	plan_externals(&plan, &k->a, &externals);
	return criu_mounts_outside(k->c.record.pid, &externals, &k->a, &r->mounts, e);
}

/*
 * Namespaces that were joined belong to somebody else: the images have only their names. criu
 * knows these two kinds; others it takes a copy of, and restore joins those of its time.
 */
static int find_namespaces(struct checkpoint *k, struct criu_request *r, struct err *e)
{
	static const struct {
		uint32_t flag;
		const char *kind, *key;
	} rows[] = {
		{ CLONE_NEWNET, "net", "extRootNetNS" }, { CLONE_NEWPID, "pid", "extRootPidNS" },
	};

	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		char path[48];
		struct stat st;

		if (!(k->c.record.ns_joined & rows[n].flag))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)k->c.record.pid, rows[n].kind);
		if (stat(path, &st) < 0)
			return err_sys(e, "%s", path);
		r->external.items[r->external.count++] =
			arena_printf(&k->a, "%s[%lu]:%s", rows[n].kind, (unsigned long)st.st_ino,
				     rows[n].key);
	}
	return 0;
}

static int find_parent(struct checkpoint *k, struct criu_request *r, struct err *e)
{
	const char *path = k->x->parent_path;
	auto_fd int fd = -1;

	if (!path)
		return 0;
	if (path[0] == '/')
		return err_set(e, ERR_USAGE, "--parent-path must be relative");
	fd = openat(k->images.images, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "invalid --parent-path: %s", path);
	r->parent = path;
	return 0;
}

static int find_page_server(struct checkpoint *k, struct criu_request *r, struct err *e)
{
	const char *text = k->x->page_server, *colon;
	char *end;
	unsigned long port;

	if (!text)
		return 0;
	colon = strrchr(text, ':');
	port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!colon || colon == text || colon[1] < '0' || colon[1] > '9' || *end || !port ||
	    port > UINT16_MAX)
		return err_set(e, ERR_USAGE, "use --page-server ADDRESS:PORT to specify page server");
	r->page_server = arena_strndup(&k->a, text, (size_t)(colon - text));
	r->page_server_port = (uint16_t)port;
	return 0;
}

static int check_status_fd(const struct life_checkpoint *x, struct err *e)
{
	int flags = x->status_fd < 0 ? O_WRONLY : fcntl(x->status_fd, F_GETFL);

	if (flags < 0)
		return err_sys(e, "invalid --status-fd argument %d", x->status_fd);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return err_set(e, ERR_USAGE, "invalid --status-fd argument %d: not writable",
			       x->status_fd);
	return 0;
}

static int hear_stage(void *argument, const char *name, pid_t pid, int fd, struct err *e)
{
	struct checkpoint *k = argument;

	(void)pid;
	(void)fd;
	if (strcmp(name, "status-ready") != 0 || k->x->status_fd < 0)
		return 0;
	if (fd_write_all(k->x->status_fd, "", 1) < 0)
		return err_sys(e, "--status-fd");
	close(k->x->status_fd);
	return 0;
}

/* Whatever criu was doing when it ended: what went on before goes on. */
static void let_go_on(struct checkpoint *k, int group, bool was_paused)
{
	struct err e;

	if (group >= 0 && !was_paused && guard_freeze_asked(group) &&
	    guard_give_up(k->c.dir, k->x->id, group, THAW_MS, &e) != 0)
		k->life->warn("the container may have stayed paused: use resume");
}

static void note(struct checkpoint *k, const char *text)
{
	if (k->dump)
		k->dump->note(k->dump->argument, text);
	else
		k->life->warn(text);
}

/* criu takes the first process with its descendants, and knows nothing of others in the group. */
static void tell_of_others(struct checkpoint *k, int group)
{
	struct cgroup_pids pids = { 0 };
	struct err ignored;

	if (group < 0 || cgroup_pids(group, &k->a, &pids, &ignored) < 0)
		return;
	/* One that has ended meanwhile descends from nobody. */
	for (size_t n = 0; n < pids.count; n++)
		if (pids.items[n] && !procfs_descends(pids.items[n], k->c.record.pid) &&
		    kill(pids.items[n], 0) == 0)
			note(k, arena_printf(&k->a, "process %d is not in the images: it came by exec",
					     pids.items[n]));
}

/* The group, for criu to freeze or to find frozen; -1 in *ret when there is none. */
static int find_group(struct checkpoint *k, struct criu_request *r, int *ret, struct err *e)
{
	const char *mount, *path;

	*ret = -1;
	if (!container_cgroup(&k->c, &k->a, &mount, &path))
		return 0;
	r->freeze_cgroup = arena_printf(&k->a, "%s%s", mount, path);
	r->cgroup_mount = mount;
	r->own_cgroup_ns = (k->c.record.ns_new | k->c.record.ns_joined) & CLONE_NEWCGROUP;
	*ret = cgroup_open(mount, path, e);
	return *ret < 0 ? -1 : 0;
}

static int run_criu(struct checkpoint *k, struct criu_request *r, int group, struct err *e)
{
	tell_of_others(k, group);
	umask(0077);		/* what criu writes is the memory of the processes */
	return criu_run(r, &k->a, e);
}

static int dump(struct checkpoint *k, struct criu_request *r, struct err *e)
{
	auto_fd int group = -1;
	bool was_paused;
	int result;

	if (find_group(k, r, &group, e) < 0)
		return -1;
	was_paused = group >= 0 && guard_freeze_asked(group);
	result = run_criu(k, r, group, e);
	if (result < 0 || r->leave_running || r->what == CRIU_PRE_DUMP)
		let_go_on(k, group, was_paused);
	return result < 0 ? images_blame(&k->images, r, e) : 0;
}

static int checkpoint(struct checkpoint *k, struct err *e)
{
	const struct life_checkpoint *x = k->x;
	struct criu_request r;

	if (check_status_fd(x, e) < 0 ||
	    container_open_locked(k->life, x->id, CONTAINER_LOCK_MS, &k->a, &k->c, e) < 0 ||
	    guard_refuse(k->c.dir, x->id, "checkpoint", e) < 0 ||
	    lifecycle_check(VERB_CHECKPOINT, k->c.status, x->id, e) < 0 ||
	    !criu_find(x->criu.program, &k->a, e) ||	/* before a directory is made for it */
	    images_open(&x->criu, true, &k->a, &k->images, e) < 0 ||
	    images_request(&x->criu, &k->images, &k->c.record.annotations, &k->a, &r, e) < 0)
		return -1;
	r.what = x->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP;
	r.log_file = "dump.log";
	r.pid = k->c.record.pid;
	r.root = k->c.record.rootfs;
	r.leave_running = x->leave_running;
	r.tcp_skip_in_flight = x->tcp_skip_in_flight;
	r.link_remap = x->link_remap;
	r.stage = hear_stage;
	r.argument = k;
	if (find_parent(k, &r, e) < 0 || find_page_server(k, &r, e) < 0 ||
	    find_namespaces(k, &r, e) < 0)
		return -1;
	if (!x->pre_dump && (find_mounts(k, &r, e) < 0 ||
			     images_write_streams(&k->images, r.pid, &k->a, &r, e) < 0))
		return -1;
	return dump(k, &r, e);
}

int life_checkpoint(const struct life *l, const struct life_checkpoint *x, struct err *e)
{
	struct checkpoint k = {
		.life = l, .x = x, .c = CONTAINER_NONE, .images = IMAGES_NONE, .a = ARENA_NONE,
	};
	int result = checkpoint(&k, e);

	images_close(&k.images);
	container_close(&k.c);
	arena_free(&k.a);
	if (result < 0 || x->leave_running || x->pre_dump)
		return result;
	return life_delete(l, x->id, true, e);
}

/* ---- images as evidence ---- */

static bool is_over(void *argument)
{
	const struct checkpoint *k = argument;

	return k->dump->over(k->dump->argument);
}

static int dump_held(struct checkpoint *k, const char *id, const char *program, struct err *e)
{
	/* Nobody is asked twice: what criu can take only when it is told that it may, it may. */
	const struct life_criu wanted = {
		.program = program, .tcp_established = true, .ext_unix_sk = true, .shell_job = true,
		.file_locks = true,
	};
	/* Who made the container may not say what criu is to do to it now. */
	const struct pair_list no_annotations = { 0 };
	struct criu_request r;
	auto_fd int group = -1;

	k->images.images = k->images.work = k->dump->directory;
	if (images_request(&wanted, &k->images, &no_annotations, &k->a, &r, e) < 0 ||
	    container_open_locked(k->life, id, k->dump->wait_ms, &k->a, &k->c, e) < 0 ||
	    lifecycle_check(VERB_CHECKPOINT, k->c.status, id, e) < 0)
		return -1;
	r.what = CRIU_DUMP;
	r.log_file = EVIDENCE_CRIU_LOG;
	r.pid = k->c.record.pid;
	r.root = k->c.record.rootfs;
	r.leave_running = true;
	r.no_network_lock = true;	/* nobody sends what a filter had to hold */
	r.over = is_over;
	r.argument = k;
	if (find_namespaces(k, &r, e) < 0 || find_mounts(k, &r, e) < 0 ||
	    images_write_streams(&k->images, r.pid, &k->a, &r, e) < 0 ||
	    find_group(k, &r, &group, e) < 0)
		return -1;
	/* criu stops processes one by one where it has no group: those would go on. */
	if (group < 0 || !guard_freeze_asked(group))
		return err_set(e, ERR_STATE, "the container is not frozen any more");
	return run_criu(k, &r, group, e);
}

int life_dump(const struct life *l, const char *id, const char *program,
	      const struct evidence_dump *dump, struct err *e)
{
	struct checkpoint k = {
		.life = l, .dump = dump, .c = CONTAINER_NONE, .images = IMAGES_NONE,
		.a = ARENA_NONE,
	};
	int result = dump_held(&k, id, program, e);

	container_close(&k.c);
	arena_free(&k.a);
	return result;
}
