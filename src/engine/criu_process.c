/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/criu_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/cgroup_ns.h"
#include "engine/cgroup_stats.h"
#include "orlop/auto.h"

enum {
	SOCKET_FD = 3,			/* where criu has its end */
	FDS_MAX = 16,
};

/* Programs that criu calls (tar, ip, nft) are looked for by name. */
static char search_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const char *criu_find(const char *given, struct arena *a, struct err *e)
{
	const char *name = given ? given : "criu";

	if (strchr(name, '/')) {
		if (access(name, X_OK) == 0)
			return name;
		err_sys(e, "criu: %s", name);
		return NULL;
	}
	for (const char *at = strchr(search_path, '=') + 1;; at += strcspn(at, ":") + 1) {
		const char *path = arena_printf(a, "%.*s/%s", (int)strcspn(at, ":"), at, name);

		if (access(path, X_OK) == 0)
			return path;
		if (!strchr(at, ':'))
			break;
	}
	err_set(e, ERR_SYSTEM, "criu is not installed");
	err_hint(e, "install criu, or say where it is with --criu FILE");
	return NULL;
}

/*
 * Copies out of the way of the numbers that they are to get in criu. Standard streams too: criu
 * closes what it inherits, and looks at its own for --shell-job afterwards.
 */
static int raise_fds(const struct criu_request *r, int socket, int *fds, size_t *ret_count,
		     struct err *e)
{
	size_t count = 0;

	for (size_t n = 0; n <= r->inherit.count; n++) {
		int fd = n ? r->inherit.items[n - 1].fd : socket;

		if (count == FDS_MAX)
			return err_set(e, ERR_INTERNAL, "criu: more than %d descriptors", FDS_MAX);
		fds[count] = fcntl(fd, F_DUPFD_CLOEXEC, SOCKET_FD + FDS_MAX);
		if (fds[count] < 0)
			return err_sys(e, "criu: descriptor %d", fd);
		*ret_count = ++count;
	}
	return 0;
}

/*
 * The signal for a file that gets too big is ignored where criu_process_starve may be called, so
 * that criu hears of it as an error.
 */
static void ignore_limits(const struct criu_request *r, sigset_t *defaults,
			  struct sigaction *before)
{
	static const struct sigaction ignored = { .sa_handler = SIG_IGN };

	sigaction(SIGXFSZ, r->over ? &ignored : NULL, before);
	if (r->over)
		sigdelset(defaults, SIGXFSZ);
}

static int spawn_here(const struct criu_request *r, const int *fds, size_t count, pid_t *ret)
{
	static char *const environment[] = { search_path, NULL };
	char name[] = "criu", verb[] = "swrk", number[] = "3";
	char *const argv[] = { name, verb, number, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	struct sigaction before;
	sigset_t none, all;
	int code;

	sigemptyset(&none);
	sigfillset(&all);
	ignore_limits(r, &all, &before);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	/* A group of its own where all of them may have to be killed, see criu_process_kill. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
				 (r->over ? POSIX_SPAWN_SETPGROUP : 0));
	posix_spawn_file_actions_init(&actions);
	/* What criu has to say goes into its log; only a restored process has use for ours. */
	for (int fd = STDIN_FILENO; r->what != CRIU_RESTORE && fd <= STDERR_FILENO; fd++)
		posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	for (size_t n = 0; n < count; n++)
		posix_spawn_file_actions_adddup2(&actions, fds[n], SOCKET_FD + (int)n);
	code = posix_spawn(ret, r->program, &actions, &attributes, argv, environment);
	sigaction(SIGXFSZ, &before, NULL);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return code;
}

/* Namespaces that criu is to be in and we are not: entered, and left again. */
struct guests {
	int home_cgroup, home_net, cgroup, net;		/* -1: nothing to enter */
};

static int enter_namespaces(struct criu_process *p, struct guests *g, struct err *e)
{
	/*
	 * Processes in a cgroup namespace of their own are another's to criu wherever it is, so it
	 * can be where it does no harm. Others have to find criu in theirs.
	 */
	if (p->r->own_cgroup_ns && p->r->cgroup_mount) {
		g->cgroup = cgroup_ns_twin(p->r->cgroup_mount, e);
		if (g->cgroup == -1)
			return -1;
	}
	g->net = p->r->network;
	g->home_cgroup = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
	g->home_net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (g->home_cgroup < 0 || g->home_net < 0 ||
	    (g->cgroup >= 0 && setns(g->cgroup, CLONE_NEWCGROUP) < 0) ||
	    (g->net >= 0 && setns(g->net, CLONE_NEWNET) < 0))
		return err_sys(e, "namespaces for criu");
	return 0;
}

static int leave_namespaces(struct guests *g, struct err *e)
{
	int result = 0;

	if ((g->cgroup >= 0 && g->home_cgroup >= 0 && setns(g->home_cgroup, CLONE_NEWCGROUP) < 0) ||
	    (g->net >= 0 && g->home_net >= 0 && setns(g->home_net, CLONE_NEWNET) < 0))
		result = err_sys(e, "leave criu's namespaces");
	auto_close_fd(&g->cgroup);
	auto_close_fd(&g->home_cgroup);
	auto_close_fd(&g->home_net);
	return result;
}

static int spawn(struct criu_process *p, const int *fds, size_t count, struct err *e)
{
	struct guests g = { .home_cgroup = -1, .home_net = -1, .cgroup = -1, .net = -1 };
	int result = enter_namespaces(p, &g, e);
	struct err leaving;

	if (result == 0) {
		int code = spawn_here(p->r, fds, count, &p->pid);

		if (code)
			result = err_sys_code(e, code, "criu: %s", p->r->program);
	}
	return leave_namespaces(&g, result == 0 ? e : &leaving) < 0 ? -1 : result;
}

int criu_process_start(struct criu_process *p, struct err *e)
{
	int ends[2], fds[FDS_MAX], result = -1;
	size_t count = 0;
	char text[16];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(e, "criu: socket");
	p->socket = ends[0];
	if (raise_fds(p->r, ends[1], fds, &count, e) == 0)
		result = spawn(p, fds, count, e);
	close(ends[1]);
	while (count > 0)
		close(fds[--count]);
	if (result < 0)
		return -1;
	p->pidfd = pidfd_open(p->pid, 0);
	if (p->pidfd < 0)
		return err_sys(e, "criu: pidfd");
	/* It does nothing before it is asked to; what it makes is born there. */
	snprintf(text, sizeof(text), "%d", (int)p->pid);
	if (p->r->cgroup >= 0 && file_write(p->r->cgroup, "cgroup.procs", text) < 0)
		return err_sys(e, "criu: join the container's cgroup");
	return 0;
}

uint64_t criu_process_group_used(const struct criu_process *p)
{
	char text[4096];

	/* Where that cannot be known it is taken to move. */
	return file_read(p->r->cgroup, "cpu.stat", text, sizeof(text)) < 0 ?
	       (uint64_t)fd_now_ms() : cgroup_stats_value(text, "usage_usec");
}

/* criu makes processes for parts of its work, and they call programs. */
static void for_all(pid_t pid, void (*visit)(pid_t pid, int64_t *sum), int64_t *sum)
{
	char path[64], children[512];
	char *at = children, *end;
	long child;

	visit(pid, sum);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if (file_read(AT_FDCWD, path, children, sizeof(children)) < 0)
		return;
	for (; (child = strtol(at, &end, 10)) > 0; at = end)
		for_all((pid_t)child, visit, sum);
}

static void starve(pid_t pid, int64_t *sum)
{
	const struct rlimit nothing = { 0, 0 };

	(void)sum;
	(void)prlimit(pid, RLIMIT_FSIZE, &nothing, NULL);
}

void criu_process_starve(const struct criu_process *p)
{
	if (p->pid > 0)
		for_all(p->pid, starve, NULL);
}

static void add_used(pid_t pid, int64_t *sum)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0)
		*sum += used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

int64_t criu_process_used(const struct criu_process *p)
{
	int64_t sum = 0;

	if (p->pid > 0)
		for_all(p->pid, add_used, &sum);
	return sum;
}

void criu_process_kill(struct criu_process *p)
{
	const char *path = p->r->freeze_cgroup;
	auto_fd int group = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	/*
	 * What criu traces goes on when criu ends, but not in a group that is being frozen. Where
	 * that is refused it is ended all the same: whoever asked looks at the group afterwards.
	 */
	bool asked = group >= 0 && file_write(group, "cgroup.freeze", "1") == 0;

	(void)asked;
	/* It is not waited for yet, so that the number is its own. */
	if (p->pid > 0)
		kill(p->r->over ? -p->pid : p->pid, SIGKILL);
}

int criu_process_end(struct criu_process *p)
{
	siginfo_t info = { .si_pid = 0 };

	auto_close_fd(&p->socket);
	if (p->pid > 0)
		while (waitid(P_PID, (id_t)p->pid, &info, WEXITED) < 0 && errno == EINTR)
			;
	auto_close_fd(&p->pidfd);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
