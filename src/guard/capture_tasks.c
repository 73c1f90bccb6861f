/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Registers, and the table of processes.
 *
 * ptrace is used to read registers and nothing else: PTRACE_SEIZE and PTRACE_INTERRUPT stop a
 * thread that the freezer stopped already, no signal is sent, and detaching leaves it frozen. It is
 * not tried on a thread that is in the kernel, which would not stop.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/cgroup.h"
#include "guard/capture.h"
#include "guard/code.h"
#include "guard/tasks.h"
#include "json/emit.h"
#include "orlop/auto.h"

enum {
	SMALL_MAX = 16 * 1024 * 1024,
	REGISTERS_MAX = 16 * 1024,
	STOP_MS = 20,
	PROCESSES_SEEN_MAX = 65536,
	FDS_TOLD_MAX = 4096,
};

char *capture_read(struct capture *c, int dir, const char *name, struct arena *a, size_t *ret_len)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	(void)c;
	return fd < 0 ? NULL : fd_read_text(fd, SMALL_MAX, a, ret_len);
}

static const char *line_of(struct capture *c, int dir, const char *name)
{
	size_t len = 0;
	char *text = capture_read(c, dir, name, c->arena, &len);

	if (!text)
		return "";
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return text;
}

static const char *link_of(int dir, const char *name, struct arena *a)
{
	char target[4096];
	ssize_t len = readlinkat(dir, name, target, sizeof(target));

	return len < 0 ? "" : arena_strndup(a, target, (size_t)len);
}

/* The fields of stat after the name: field 3 is number 0. */
static void read_stat(struct capture_process *p, const char *stat, struct arena *a)
{
	const char *name = strchr(stat, '('), *rest = strrchr(stat, ')');
	unsigned long long field[50] = { 0 };
	const char *next;

	if (!name || !rest || rest < name || !rest[1])
		return;
	p->comm = arena_strndup(a, name + 1, (size_t)(rest - name - 1));
	p->state = rest[2];
	next = rest + 3;
	for (int i = 4; i < 52 && *next; i++) {
		char *end;

		field[i - 4] = strtoull(next, &end, 10);
		next = end;
	}
	p->ppid = (pid_t)field[0];
	p->start = field[22 - 4];
	for (int i = 0; i < 2; i++) {
		p->arguments[i] = field[48 - 4 + i];
		p->environment[i] = field[50 - 4 + i];
	}
}

static const char *status_line(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? line + strlen(name) : "";
}

static void read_thread(struct capture *c, struct capture_process *p, int tasks, pid_t tid,
			struct capture_thread *ret)
{
	struct capture_process shape = { 0 };
	char name[32];

	snprintf(name, sizeof(name), "%d", (int)tid);
	auto_fd int task = openat(tasks, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	*ret = (struct capture_thread){ .core.tid = tid, .comm = "", .state = '?',
		.wchan = "", .syscall = "", .stack = "" };
	if (task < 0)
		return;
	read_stat(&shape, line_of(c, task, "stat"), c->arena);
	ret->comm = shape.comm ? shape.comm : "";
	ret->state = shape.state;
	ret->wchan = line_of(c, task, "wchan");
	ret->syscall = line_of(c, task, "syscall");
	ret->stack = line_of(c, task, "stack");
	if (!strstr(ret->wchan, "freez") && !strstr(ret->wchan, "get_signal") &&
	    ret->state != 'T' && ret->state != 't' && !c->frozen)
		p->still = false;
}

static int compare_threads(const void *a, const void *b)
{
	const struct capture_thread *x = a, *y = b;

	return (x->core.tid > y->core.tid) - (x->core.tid < y->core.tid);
}

static void read_threads(struct capture *c, struct capture_process *p)
{
	struct capture_thread *threads = NULL;
	size_t count = 0, room = 0;
	int fd = openat(p->proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (tasks && (entry = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		if (count == room) {
			struct capture_thread *more;

			room = room ? 2 * room : 4;
			more = arena_new_array(c->arena, struct capture_thread, room);
			if (count)
				memcpy(more, threads, count * sizeof(*more));
			threads = more;
		}
		read_thread(c, p, dirfd(tasks), tid, &threads[count++]);
	}
	/* The first thread's number is the process's, and a core begins with it. */
	if (count)
		qsort(threads, count, sizeof(*threads), compare_threads);
	for (size_t i = 1; i < count; i++) {
		if (threads[i].core.tid == p->pid) {
			struct capture_thread first = threads[i];

			memmove(threads + 1, threads, i * sizeof(*threads));
			threads[0] = first;
		}
	}
	p->threads = threads;
	p->thread_count = count;
}

/* Through a thread that goes on, where the first one has ended: what it was is known by then. */
static void look_through_another(struct capture *c, struct capture_process *p)
{
	struct capture_process shape = { 0 };
	int other = tasks_open(p->pid);

	if (other < 0)
		return;
	close(p->proc);
	p->proc = other;
	read_stat(&shape, line_of(c, other, "stat"), c->arena);
	memcpy(p->arguments, shape.arguments, sizeof(p->arguments));
	memcpy(p->environment, shape.environment, sizeof(p->environment));
	p->exe = link_of(other, "exe", c->arena);
}

static void find_process(struct capture *c, pid_t pid, struct capture_process *p)
{
	char path[32];
	const char *stat, *status, *inner, *link;
	struct stat st;

	*p = (struct capture_process){ .pid = pid, .proc = -1, .state = '?', .comm = "", .exe = "",
		.still = true };
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	p->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->proc < 0) {
		capture_problem(c, path, "%s", tasks_is_there(pid) ? "/proc does not show it" :
								     "it is gone");
		return;
	}
	stat = line_of(c, p->proc, "stat");
	if (!*stat && tasks_is_there(pid))	/* mounted with hidepid, it is empty */
		capture_problem(c, path, "/proc does not show it");
	read_stat(p, stat, c->arena);
	status = line_of(c, p->proc, "status");
	p->uid = (uint32_t)strtoul(status_line(status, "\nUid:\t"), NULL, 10);
	p->gid = (uint32_t)strtoul(status_line(status, "\nGid:\t"), NULL, 10);
	inner = status_line(status, "\nNSpid:");
	for (const char *tab = strchr(inner, '\t'); tab && tab < inner + strcspn(inner, "\n");
	     tab = strchr(tab + 1, '\t'))
		p->inner = (pid_t)strtol(tab + 1, NULL, 10);
	link = link_of(p->proc, "exe", c->arena);
	if (!*link && (errno == EACCES || errno == EPERM))
		capture_problem(c, path, "little of it can be seen: %s: orlop needs "
				"CAP_SYS_PTRACE", err_errno_text(errno));
	p->exe = link;
	if (!*link)
		look_through_another(c, p);
	if (fstatat(p->proc, "ns/net", &st, 0) == 0)
		p->netns = st.st_ino;
	read_threads(c, p);
}

int capture_find(struct capture *c, struct err *e)
{
	struct cgroup_pids pids = { 0 };
	size_t unseen = 0;

	if (c->group >= 0 && cgroup_pids(c->group, c->arena, &pids, e) < 0)
		return -1;
	if (c->group < 0 && c->known) {
		/* Without a cgroup only the first process is known. */
		enum state_status status = STATE_STOPPED;
		auto_fd int pidfd = -1;

		if (state_status(c->dir, &c->record, &status, &pidfd, e) < 0)
			return -1;
		pids.items = &c->record.pid;
		pids.count = pidfd >= 0;
	}
	if (pids.count > PROCESSES_SEEN_MAX)
		pids.count = PROCESSES_SEEN_MAX;
	c->processes = arena_new_array(c->arena, struct capture_process, pids.count + 1);
	for (size_t i = 0; i < pids.count; i++) {
		if (pids.items[i] <= 0)
			unseen++;
		else
			find_process(c, pids.items[i], &c->processes[c->process_count++]);
	}
	if (unseen)
		capture_problem(c, "cgroup", "processes without a number here: %zu", unseen);
	c->making = c->making && code_is_being_made(pids.items, pids.count);
	if (c->making)
		capture_problem(c, "files", "the container was being made: its processes see those "
				"of the host, which are not taken");
	return 0;
}

/* ---- registers --------------------------------------------------------------------------- */

static struct core_bytes register_set(pid_t tid, unsigned type, struct arena *a)
{
	char bytes[REGISTERS_MAX];
	struct iovec io = { bytes, sizeof(bytes) };
	struct core_bytes ret = { 0 };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)type, &io) < 0 || !io.iov_len)
		return ret;
	ret.bytes = arena_alloc(a, io.iov_len);
	ret.len = io.iov_len;
	memcpy(ret.bytes, bytes, ret.len);
	return ret;
}

/* Waits for the stop that PTRACE_INTERRUPT causes; never long. */
static bool has_stopped(pid_t tid)
{
	uint64_t end = sink_now(CLOCK_MONOTONIC) + STOP_MS * UINT64_C(1000000);
	int status;

	do {
		pid_t done = waitpid(tid, &status, __WALL | WNOHANG);

		if (done == tid)
			return WIFSTOPPED(status);
		if (done < 0 && errno != EINTR)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
	} while (sink_now(CLOCK_MONOTONIC) < end);
	return false;
}

/* NULL, or why there are no registers. */
static const char *read_registers(struct capture *c, struct capture_thread *t)
{
	if (t->state == 'D' || t->state == 'Z' || t->state == 'X')
		return "it is in the kernel or has ended";
	if (t->state == 'R' && !c->frozen)
		return "it is not frozen";
	if (ptrace(PTRACE_SEIZE, t->core.tid, NULL, NULL) < 0)
		return err_errno_text(errno);
	if (ptrace(PTRACE_INTERRUPT, t->core.tid, NULL, NULL) < 0 || !has_stopped(t->core.tid))
		return "it did not stop";
	t->core.general = register_set(t->core.tid, NT_PRSTATUS, c->arena);
	t->core.floating = register_set(t->core.tid, NT_PRFPREG, c->arena);
	t->core.extended = register_set(t->core.tid, NT_X86_XSTATE, c->arena);
	if (ptrace(PTRACE_DETACH, t->core.tid, NULL, NULL) < 0)
		return err_errno_text(errno);
	return t->core.general.len ? NULL : "they cannot be read";
}

static void tell_thread(struct emit *m, const struct capture_process *p,
			const struct capture_thread *t, const char *why)
{
	char state[2] = { t->state, '\0' };
	const uint64_t *words = t->core.general.bytes;

	emit_object(m, NULL);
	emit_i64(m, "pid", p->pid);
	emit_i64(m, "tid", t->core.tid);
	emit_str(m, "name", t->comm);
	emit_str(m, "state", state);
	emit_str(m, "wchan", t->wchan);
	emit_str(m, "syscall", t->syscall);
	emit_str(m, "stack", t->stack);
	if (why)
		emit_str(m, "noRegisters", why);
	emit_array(m, "registers");
	for (size_t i = 0; i < t->core.general.len / sizeof(*words); i++) {
		char hex[24];

		snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)words[i]);
		emit_str(m, NULL, hex);
	}
	emit_end(m);
	emit_end(m);
}

int capture_registers(struct capture *c, struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	struct emit m = EMIT_IN(&scratch, 1);
	uint64_t began = sink_now(CLOCK_REALTIME);
	const char *text;

	emit_array(&m, NULL);
	for (size_t i = 0; i < c->process_count; i++) {
		struct capture_process *p = &c->processes[i];

		for (size_t k = 0; k < p->thread_count; k++) {
			const char *why = sink_is_over(c->sink) ? c->sink->stopped
							: read_registers(c, &p->threads[k]);

			if (why)
				capture_problem(c, arena_printf(c->arena, "registers of %d",
								(int)p->threads[k].core.tid),
						"%s", why);
			tell_thread(&m, p, &p->threads[k], why);
		}
	}
	emit_end(&m);
	text = emit_get(&m);
	return sink_put(c->sink, "registers.json", text, strlen(text), began, FROZEN(c),
			"/proc/PID/task/TID/{syscall,wchan,stack}, ptrace", e);
}

/* ---- the table --------------------------------------------------------------------------- */

/*
 * Bytes of a process's memory, as long as they are there: a page that is not could be one that
 * somebody else has to bring, and would let us wait for ever. So not /proc/PID/cmdline.
 */
static struct core_bytes read_present(struct capture_process *p, const uint64_t range[2],
				      struct arena *a)
{
	enum { LONGEST = 2 * 1024 * 1024, PAGE = 4096 };
	auto_fd int memory = openat(p->proc, "mem", O_RDONLY | O_CLOEXEC);
	auto_fd int pagemap = openat(p->proc, "pagemap", O_RDONLY | O_CLOEXEC);
	struct core_bytes ret = { 0 };
	uint64_t end = range[1];

	if (memory < 0 || pagemap < 0 || range[0] == 0 || end <= range[0])
		return ret;
	if (end - range[0] > LONGEST)
		end = range[0] + LONGEST;
	ret.bytes = arena_alloc(a, end - range[0]);
	for (uint64_t at = range[0]; at < end;) {
		uint64_t stop = at / PAGE * PAGE + PAGE, page = 0;
		ssize_t n;

		if (stop > end)
			stop = end;
		if (pread(pagemap, &page, sizeof(page), (off_t)(at / PAGE * sizeof(page))) !=
		    sizeof(page) || !(page >> 62))
			break;
		n = pread(memory, (char *)ret.bytes + ret.len, stop - at, (off_t)at);
		if (n <= 0)
			break;
		ret.len += (size_t)n;
		at += (uint64_t)n;
	}
	return ret;
}

static void tell_fds(struct capture *c, struct capture_process *p, struct emit *m,
		     struct arena *a)
{
	int fd = openat(p->proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *fds = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned told = 0, more = 0;

	emit_array(m, "fds");
	while (fds && (entry = readdir(fds))) {
		char name[64];
		const char *target;

		if (entry->d_name[0] == '.')
			continue;
		if (told == FDS_TOLD_MAX) {
			more++;
			continue;
		}
		told++;
		snprintf(name, sizeof(name), "fdinfo/%.40s", entry->d_name);
		target = link_of(dirfd(fds), entry->d_name, a);
		if (strstr(target, "io_uring"))
			c->rings = true;
		emit_object(m, NULL);
		emit_i64(m, "fd", strtol(entry->d_name, NULL, 10));
		emit_str(m, "target", target);
		emit_str(m, "info", capture_read(c, p->proc, name, a, NULL));
		emit_end(m);
	}
	emit_end(m);
	if (more)
		emit_u64(m, "moreFds", more);
}

static void tell_namespaces(struct capture_process *p, struct emit *m, struct arena *a)
{
	static const char *const kinds[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user",
		"uts" };

	emit_object(m, "namespaces");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char name[16];

		snprintf(name, sizeof(name), "ns/%s", kinds[i]);
		emit_str(m, kinds[i], link_of(p->proc, name, a));
	}
	emit_end(m);
}

/* What has NULs between its words, with blanks. */
static const char *blanks_for_nuls(const struct core_bytes *words, struct arena *a)
{
	char *text = arena_strndup(a, words->len ? words->bytes : "", words->len);
	size_t len = words->len;

	while (len && !text[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = ' ';
	return text;
}

static int put_file(struct capture *c, const struct capture_process *p, const char *name,
		    const struct core_bytes *bytes, uint64_t began, struct err *e)
{
	const char *path, *source;

	if (!bytes->bytes)
		return 0;
	path = arena_printf(c->arena, "processes/%d/%s", (int)p->pid, name);
	source = arena_printf(c->arena, "/proc/%d/%s", (int)p->pid, name);
	return sink_put(c->sink, path, bytes->bytes, bytes->len, began, FROZEN(c), source, e);
}

static int put_files(struct capture *c, struct capture_process *p,
		     const struct core_bytes *environment, struct arena *a, struct err *e)
{
	/* As proc(5) has them, for whoever knows them and for what JSON cannot hold. */
	static const char *const names[] = { "status", "maps", "limits", "mountinfo", "cgroup",
		"io", "attr/current", "uid_map", "gid_map", "loginuid", "sched" };
	uint64_t began = sink_now(CLOCK_REALTIME);
	int code = put_file(c, p, "cmdline", &p->cmdline, began, e);

	if (code == 0)
		code = put_file(c, p, "environ", environment, began, e);
	for (size_t i = 0; i < ARRAY_LEN(names) && code == 0; i++) {
		struct core_bytes bytes = { 0 };

		began = sink_now(CLOCK_REALTIME);
		bytes.bytes = capture_read(c, p->proc, names[i], a, &bytes.len);
		if (bytes.bytes && bytes.len)
			code = put_file(c, p, names[i], &bytes, began, e);
	}
	return code;
}

static void tell_process(struct capture *c, struct capture_process *p, struct emit *m,
			 struct arena *a)
{
	char state[2] = { p->state, '\0' };

	emit_object(m, NULL);
	emit_i64(m, "pid", p->pid);
	emit_i64(m, "ppid", p->ppid);
	emit_i64(m, "innerPid", p->inner);
	emit_str(m, "name", p->comm);
	emit_str(m, "state", state);
	emit_bool(m, "still", p->still);
	emit_u64(m, "uid", p->uid);
	emit_u64(m, "gid", p->gid);
	emit_u64(m, "startTicks", p->start);
	emit_u64(m, "threads", p->thread_count);
	emit_str(m, "exe", p->exe);
	emit_str(m, "cwd", link_of(p->proc, "cwd", a));
	emit_str(m, "root", link_of(p->proc, "root", a));
	emit_str(m, "cmdline", blanks_for_nuls(&p->cmdline, a));
	emit_str(m, "cgroup", capture_read(c, p->proc, "cgroup", a, NULL));
	tell_namespaces(p, m, a);
	tell_fds(c, p, m, a);
	emit_end(m);
}

int capture_tasks(struct capture *c, struct err *e)
{
	auto_arena table = ARENA_NONE;
	struct emit m = EMIT_IN(&table, 1);
	uint64_t began = sink_now(CLOCK_REALTIME);
	const char *text;
	int code = 0, put;

	emit_array(&m, NULL);
	for (size_t i = 0; i < c->process_count && code == 0; i++) {
		struct capture_process *p = &c->processes[i];
		auto_arena scratch = ARENA_NONE;
		struct core_bytes environment;

		if (p->proc < 0)
			continue;
		p->cmdline = read_present(p, p->arguments, c->arena);
		environment = read_present(p, p->environment, &scratch);
		tell_process(c, p, &m, &scratch);
		code = put_files(c, p, &environment, &scratch, e);
	}
	emit_end(&m);
	if (code < 0)
		return -1;
	/* The table of those that were reached is worth having when time is over. */
	text = emit_get(&m);
	c->sink->last_words = true;
	put = sink_put(c->sink, "processes.json", text, strlen(text), began, FROZEN(c),
		       "/proc/PID", e);
	c->sink->last_words = false;
	return put < 0 ? -1 : code;
}
