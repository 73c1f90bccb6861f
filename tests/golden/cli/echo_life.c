/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations for command line tests: each prints what it was called with and works, so that a
 * golden case shows what an engine's command line means to the program. Containers whose id says
 * so behave otherwise:
 *
 *   fails	the operation fails, with a hint
 *   warns	it warns first
 *   absent	there is no such container
 *   seven	run and exec end with status 7
 *
 * Linked with everything of src/cli, in place of src/life.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orlop/life.h"

static void begin(const struct life *l, const char *operation)
{
	static const char *const drivers[] = { "cgroupfs", "systemd", "disabled" };

	printf("%s\n root %s%s\n cgroup-driver %s\n", operation, l->root,
	       l->root_is_default ? " (default)" : "", drivers[l->cgroup_driver]);
}

static void word(const char *name, const char *value)
{
	if (value)
		printf(" %s %s\n", name, value);
}

static void flag(const char *name, bool value)
{
	if (value)
		printf(" %s\n", name);
}

static void list(const char *name, const struct str_list *words)
{
	for (size_t i = 0; i < words->count; i++)
		word(name, words->items[i]);
}

static int end(const struct life *l, const char *id, struct err *e)
{
	fflush(stdout);
	if (strcmp(id, "warns") == 0)
		l->warn("the container is odd, ignored");
	if (strcmp(id, "absent") == 0)
		return err_set(e, ERR_STATE, "container does not exist");
	if (strcmp(id, "fails") != 0)
		return strcmp(id, "seven") == 0 ? 7 : 0;
	err_set(e, ERR_CONFIG, "config.json:3: process.cwd: \"\x1b[31mx\" is \"not\" absolute");
	return err_hint(e, "begin it with /");
}

static void print_create(const struct life_create *c)
{
	word("id", c->id);
	word("bundle", c->bundle);
	word("config", c->config);
	word("console-socket", c->console_socket);
	word("pidfd-socket", c->pidfd_socket);
	word("pid-file", c->pid_file);
	flag("no-pivot", c->no_pivot);
	flag("no-new-keyring", c->no_new_keyring);
	if (c->preserve_fds)
		printf(" preserve-fds %u\n", c->preserve_fds);
	flag("detach", c->detach);
	flag("keep", c->keep);
	flag("no-subreaper", c->no_subreaper);
	if (c->listen_fds)
		printf(" listen-fds %u\n", c->listen_fds);
}

int life_create(const struct life *l, const struct life_create *c, struct err *e)
{
	begin(l, "create");
	print_create(c);
	return end(l, c->id, e) < 0 ? -1 : 0;
}

int life_start(const struct life *l, const char *id, struct err *e)
{
	begin(l, "start");
	word("id", id);
	return end(l, id, e) < 0 ? -1 : 0;
}

int life_run(const struct life *l, const struct life_create *c, struct err *e)
{
	begin(l, "run");
	print_create(c);
	return end(l, c->id, e);
}

static void print_criu(const struct life_criu *x)
{
	word("criu", x->program);
	word("image-path", x->image_path);
	word("work-path", x->work_path);
	word("manage-cgroups-mode", x->cgroups);
	flag("tcp-established", x->tcp_established);
	flag("tcp-close", x->tcp_close);
	flag("ext-unix-sk", x->ext_unix_sk);
	flag("shell-job", x->shell_job);
	flag("file-locks", x->file_locks);
	flag("lazy-pages", x->lazy_pages);
	flag("auto-dedup", x->auto_dedup);
	flag("empty-ns network", x->empty_net);
}

int life_checkpoint(const struct life *l, const struct life_checkpoint *x, struct err *e)
{
	begin(l, "checkpoint");
	word("id", x->id);
	print_criu(&x->criu);
	word("parent-path", x->parent_path);
	word("page-server", x->page_server);
	if (x->status_fd >= 0)
		printf(" status-fd %d\n", x->status_fd);
	flag("leave-running", x->leave_running);
	flag("pre-dump", x->pre_dump);
	flag("tcp-skip-in-flight", x->tcp_skip_in_flight);
	flag("link-remap", x->link_remap);
	return end(l, x->id, e);
}

int life_dump(const struct life *l, const char *id, const char *program,
	      const struct evidence_dump *dump, struct err *e)
{
	(void)dump;
	begin(l, "dump");
	word("criu", program);
	return end(l, id, e);
}

int life_restore(const struct life *l, const struct life_restore *x, struct err *e)
{
	begin(l, "restore");
	print_create(&x->create);
	print_criu(&x->criu);
	word("lsm-profile", x->lsm_profile);
	word("lsm-mount-context", x->lsm_mount_context);
	flag("network none", x->unconnected);
	return end(l, x->create.id, e);
}

int life_exec(const struct life *l, const struct life_exec *x, struct err *e)
{
	begin(l, "exec");
	word("id", x->id);
	word("process", x->process_file);
	list("arg", &x->args);
	list("env", &x->env);
	list("cap", &x->caps);
	word("cwd", x->cwd);
	flag("tty", x->tty);
	flag("detach", x->detach);
	flag("no-new-privs", x->no_new_privs);
	flag("ignore-paused", x->ignore_paused);
	if (x->user_set)
		printf(" uid %u\n", x->uid);
	if (x->gid_set)
		printf(" gid %u\n", x->gid);
	for (size_t i = 0; i < x->additional_gids.count; i++)
		printf(" additional-gid %u\n", x->additional_gids.items[i]);
	word("console-socket", x->console_socket);
	word("pidfd-socket", x->pidfd_socket);
	word("pid-file", x->pid_file);
	word("process-label", x->process_label);
	word("apparmor", x->apparmor);
	word("cgroup", x->cgroup);
	if (x->preserve_fds)
		printf(" preserve-fds %u\n", x->preserve_fds);
	return end(l, x->id, e);
}

static struct life_view view_of(const char *id)
{
	static char keys[][16] = { "com.example", "org.x" }, values[][16] = { "a \"b\"\n", "" };
	static struct oci_pair pairs[] = { { keys[0], values[0] }, { keys[1], values[1] } };

	return (struct life_view){
		.oci_version = "1.3.0",
		.id = id,
		.bundle = "/bundles/web",
		.rootfs = "/bundles/web/rootfs",
		.created = "2026-11-23T01:23:12.44184039Z",
		.pid = 4711,
		.status = STATE_RUNNING,
		.annotations = { .items = pairs, .count = 2 },
		.owner = 0,
	};
}

int life_state(const struct life *l, const char *id, struct arena *a, struct life_view *ret,
	       struct err *e)
{
	(void)a;
	*ret = view_of(id);
	return end(l, id, e) < 0 ? -1 : 0;
}

/* The root's last part says how many there are: "none", "one"; anything else is two. */
int life_list(const struct life *l, struct arena *a, struct life_views *ret, struct err *e)
{
	const char *name = strrchr(l->root, '/') + 1;

	ret->items = arena_new_array(a, struct life_view, 2);
	ret->items[0] = view_of("a-name-longer-than-twelve");
	ret->items[1] = view_of("b");
	ret->items[1].pid = 0;
	ret->items[1].status = STATE_STOPPED;
	ret->items[1].annotations.count = 0;
	ret->items[1].owner = 4000000000;
	ret->count = strcmp(name, "none") == 0 ? 0 : strcmp(name, "one") == 0 ? 1 : 2;
	return end(l, name, e) < 0 ? -1 : 0;
}

int life_names(const struct life *l, struct arena *a, struct str_list *ret, struct err *e)
{
	static const char *const names[] = { "broken", "web1", "web2" };

	ret->count = sizeof(names) / sizeof(names[0]);
	ret->items = arena_new_array(a, char *, ret->count);
	for (size_t i = 0; i < ret->count; i++)
		ret->items[i] = arena_strdup(a, names[i]);
	return end(l, "names", e) < 0 ? -1 : 0;
}

int life_kill(const struct life *l, const char *id, int signal, bool all, struct err *e)
{
	begin(l, "kill");
	word("id", id);
	printf(" signal %d\n", signal);
	flag("all", all);
	return end(l, id, e) < 0 ? -1 : 0;
}

int life_delete(const struct life *l, const char *id, bool force, struct err *e)
{
	begin(l, "delete");
	word("id", id);
	flag("force", force);
	return end(l, id, e) < 0 ? -1 : 0;
}

int life_pause(const struct life *l, const char *id, unsigned timeout_ms, struct err *e)
{
	begin(l, "pause");
	word("id", id);
	printf(" timeout-ms %u\n", timeout_ms);
	return end(l, id, e) < 0 ? -1 : 0;
}

int life_resume(const struct life *l, const char *id, struct err *e)
{
	begin(l, "resume");
	word("id", id);
	return end(l, id, e) < 0 ? -1 : 0;
}

/* This process, so that a table can be made; none for the id "stopped". */
int life_pids(const struct life *l, const char *id, struct arena *a, struct life_pids *ret,
	      struct err *e)
{
	ret->items = arena_new_array(a, pid_t, 3);
	ret->items[0] = 15652;
	ret->items[1] = 15660;
	ret->count = strcmp(id, "stopped") == 0 ? 0 : 2;
	if (strcmp(id, "self") == 0) {
		ret->items[0] = getpid();
		ret->count = 1;
	}
	return end(l, id, e) < 0 ? -1 : 0;
}

static void print_i64(const char *name, struct opt_i64 n)
{
	if (n.set)
		printf(" %s %lld\n", name, (long long)n.value);
}

static void print_u64(const char *name, struct opt_u64 n)
{
	if (n.set)
		printf(" %s %llu\n", name, (unsigned long long)n.value);
}

/* The guard itself is not replaced: it finds no container. */
int life_release(const struct life *l, const char *id, const char *reason, struct arena *a,
		 struct guard_report *ret, struct err *e)
{
	return guard_release(l->root, id, reason, a, ret, e);
}

int life_update(const struct life *l, const char *id, const struct oci_resources *r,
		const struct oci_intel_rdt *rdt, const char *name, struct err *e)
{
	begin(l, "update");
	word("id", id);
	word("document", name);
	print_i64("memory", r->memory.limit);
	print_i64("reservation", r->memory.reservation);
	print_i64("swap", r->memory.swap);
	print_i64("pids", r->pids.limit);
	print_u64("shares", r->cpu.shares);
	print_i64("quota", r->cpu.quota);
	print_u64("period", r->cpu.period);
	print_u64("burst", r->cpu.burst);
	print_i64("idle", r->cpu.idle);
	print_u64("realtime-period", r->cpu.realtime_period);
	print_i64("realtime-runtime", r->cpu.realtime_runtime);
	word("cpus", r->cpu.cpus);
	word("mems", r->cpu.mems);
	if (r->block_io.weight.set)
		printf(" weight %u\n", r->block_io.weight.value);
	word("l3-cache", rdt->l3_cache_schema);
	word("memory-bandwidth", rdt->mem_bw_schema);
	printf(" device-rules %zu\n", r->devices.count);
	for (size_t i = 0; i < r->unified.count; i++)
		printf(" unified %s=%s\n", r->unified.items[i].key, r->unified.items[i].value);
	return end(l, id, e) < 0 ? -1 : 0;
}

/* Two events: what was killed, and counters, of which nearly all are zero for the id "zero". */
int life_events(const struct life *l, const struct life_events *x, struct err *e)
{
	struct stats_count raw[] = { { "anon", 4096 }, { "file", 8192 } };
	struct stats_io devices[] = { { 8, 0, 4096, 0, 1, 0 }, { 253, 16, 1, 2, 3, 4 } };
	struct stats_hugepages sizes[] = { { "1GB", 0, 0 }, { "2MB", 2097152, 7 } };
	struct stats stats = { 0 };

	if (x->once)
		printf("once\n");
	else
		printf("every %lld ns\n", (long long)x->interval_ns);
	fflush(stdout);
	if (strcmp(x->id, "zero") != 0) {
		stats.cpu.total = 3000;
		stats.cpu.user = 2000;
		stats.cpu.system = 1000;
		stats.cpu.periods = 5;
		stats.cpu.throttled_periods = 2;
		stats.cpu.throttled_time = 1500000;
		stats.cpu.pressure = (struct stats_pressure){
			true, { 150, 1234, 5, 99 }, { 100, 10, 0, 0 },
		};
		stats.memory.raw.items = raw;
		stats.memory.raw.count = 2;
		stats.memory.cache = 8192;
		stats.memory.memory = (struct stats_memory_use){ 12288, 16384, 67108864 };
		stats.memory.swap = (struct stats_memory_use){ 12288, 0, UINT64_MAX };
		stats.memory.pressure.set = true;
		stats.pids.current = 1;
		stats.pids.limit = 10;
		stats.io.devices.items = devices;
		stats.io.devices.count = 2;
		stats.hugepages.items = sizes;
		stats.hugepages.count = 2;
	}
	if ((!x->once && x->event(x->argument, NULL, e) < 0) ||
	    x->event(x->argument, &stats, e) < 0)
		return -1;
	return end(l, x->id, e) < 0 ? -1 : 0;
}

int life_plan(const struct life *l, const struct life_create *c, struct arena *a,
	      struct plan *ret, struct err *e)
{
	(void)a;
	begin(l, "plan");
	print_create(c);
	*ret = (struct plan){ .id = c->id, .bundle = "/bundles/web", .rootfs = "/bundles/web/rootfs" };
	return end(l, c->id, e) < 0 ? -1 : 0;
}
