/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Every wait watches the peer as well as the message: a child that dies is noticed at
 * once, whoever else holds its sockets.
 */
#include "engine/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "engine/cgroup.h"
#include "engine/child_image.h"
#include "engine/clone.h"
#include "engine/confine.h"
#include "engine/encode.h"
#include "engine/failure.h"
#include "engine/id_maps.h"
#include "engine/network_ns.h"
#include "engine/procfs.h"
#include "engine/revealing.h"
#include "engine/schedule.h"
#include "engine/source.h"
#include "orlop/auto.h"
#include "orlop/child_plan.h"

enum { FDS_MAX = 3 + OCI_NS_COUNT_ };

static int open_namespace(const struct plan_namespace *ns, struct err *e)
{
	/* Without O_NONBLOCK a FIFO put there would hold us. */
	auto_fd int fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "namespace %s", ns->path);
	if (ioctl(fd, NS_GET_NSTYPE) != (int)ns->flag)
		return err_set(e, ERR_CONFIG,
			       "namespace %s: is not a namespace of the configured type", ns->path);
	return take_fd(&fd);
}

static int send_word(int control, uint32_t word, struct err *e)
{
	struct child_message m = { .word = word, .item = -1 };

	if (send(control, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m))
		return err_sys(e, "tell the child to go on");
	return 0;
}

/* The child ended without saying why. */
static int report_death(pid_t pid, struct err *e)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || !info.si_pid)
		return err_set(e, ERR_SYSTEM, "the child went away");
	if (info.si_code == CLD_EXITED)
		return err_set(e, ERR_SYSTEM, "the child exited with status %d", info.si_status);
	err_set(e, ERR_SYSTEM, "the child was killed by signal %d (%s)", info.si_status,
		strsignal(info.si_status));
	if (info.si_status == SIGSYS)
		err_hint(e, "the seccomp profile must allow execve");
	if (info.si_status == SIGKILL)
		err_hint(e, "somebody may have ended the container meanwhile, or a memory limit is too "
			    "low");
	return -1;
}

/* The next message. 0, or -1 when the child died or the socket broke. */
static int receive(const struct spawn *s, struct child_message *m, int *ret_fd, struct err *e)
{
	ssize_t n;

	*ret_fd = -1;
	if (fd_wait_readable(s->control, s->pidfd, -1) < 0)
		return err_sys(e, "wait for the child");
	/* Also when it died: its last words may be in the socket. */
	n = fd_receive(s->control, m, sizeof(*m), MSG_DONTWAIT, ret_fd);
	/* It left something of ours unread: the kernel says so first, and once. */
	if (n < 0 && errno == ECONNRESET)
		n = fd_receive(s->control, m, sizeof(*m), MSG_DONTWAIT, ret_fd);
	if (n < 0 && errno == EAGAIN)
		return report_death(s->pid, e);
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		/* The socket ends a moment before the process does. */
		if (fd_wait_readable(s->pidfd, -1, 1000) < 0)
			return err_sys(e, "wait for the child");
		return report_death(s->pid, e);
	}
	if (n < 0)
		return err_sys(e, "receive from the child");
	if ((size_t)n != sizeof(*m))
		return err_set(e, ERR_INTERNAL, "the child sent %zd bytes", n);
	m->detail[CHILD_DETAIL - 1] = '\0';
	return 0;
}

static int write_maps(const struct spawn_request *r, const struct spawn *s, struct err *e)
{
	const struct plan *plan = r->plan;
	const struct id_maps maps = {
		.uids = &plan->uid_maps, .gids = &plan->gid_maps, .uids_by = plan->uid_map_by,
		.gids_by = plan->gid_map_by, .deny_setgroups = plan->deny_setgroups,
	};

	if (id_maps_write(&maps, r->procfs, s->pid, e) < 0)
		return -1;
	return send_word(s->control, PARENT_GO, e);
}

static bool makes_user_ns(const struct plan *plan)
{
	for (size_t n = 0; n < plan->namespaces.count; n++)
		if (plan->namespaces.items[n].flag == CLONE_NEWUSER)
			return !plan->namespaces.items[n].path;
	return false;
}

/* The process that goes on in place of the first one; it is our child as well. */
static int follow_respawn(const struct spawn_request *r, struct spawn *s,
			  const struct child_message *m, struct err *e)
{
	auto_fd int pidfd = pidfd_open((pid_t)m->value, 0);

	if (pidfd < 0)
		return err_sys(e, "follow the child's second process");
	waitpid(s->pid, NULL, 0);
	close(s->pidfd);
	s->pid = (pid_t)m->value;
	s->pidfd = take_fd(&pidfd);
	if (!r->exec && makes_user_ns(r->plan))
		return write_maps(r, s, e);
	return send_word(s->control, PARENT_GO, e);
}

static bool has_user_ns(const struct spawn_request *r)
{
	if (r->container_ns & CLONE_NEWUSER)
		return true;
	for (size_t n = 0; n < r->plan->namespaces.count; n++)
		if (r->plan->namespaces.items[n].flag == CLONE_NEWUSER)
			return true;
	return false;
}

static int container_user_ns(const struct spawn_request *r, const struct spawn *s)
{
	char path[32];

	if (!has_user_ns(r))
		return -1;
	snprintf(path, sizeof(path), "%d/ns/user", (int)s->pid);
	return openat(r->procfs, path, O_RDONLY | O_CLOEXEC);
}

/* `tree` is the child's own clone, or -1. */
static int serve_source(const struct spawn_request *r, const struct spawn *s,
			const struct child_message *m, int tree, struct err *e)
{
	struct child_message answer = { .word = PARENT_SOURCE, .item = m->item };
	auto_fd int user_ns = container_user_ns(r, s);
	const struct plan_mount *mount;
	auto_fd int own = -1;
	int result;

	if (m->item < 0 || (size_t)m->item >= r->plan->mounts.count)
		return err_set(e, ERR_INTERNAL, "the child asked for mount %d", m->item);
	mount = &r->plan->mounts.items[m->item];
	if (tree >= 0)
		result = source_map(tree, r->plan, mount, r->procfs, user_ns, e);
	else
		result = own = source_open(r->plan, mount, r->procfs, user_ns, e);
	if (result < 0)
		return failure_in_mount(mount, e);
	if (fd_send(s->control, &answer, sizeof(answer), tree >= 0 ? tree : own) < 0)
		return err_sys(e, "send a mount to the child");
	return 0;
}

/* One message of the setting up. 1 when the child is ready. */
static int serve(const struct spawn_request *r, struct spawn *s, const struct child_message *m,
		 int *fd, struct err *e)
{
	switch (m->word) {
	case CHILD_FAILED:
		return failure_report(m, r->plan, r->process, e);
	case CHILD_RESPAWNED:
		return follow_respawn(r, s, m, e);
	case CHILD_WANTS_SOURCE:
		return serve_source(r, s, m, *fd, e);
	case CHILD_WANTS_LIMITS:
		if (schedule_process(s->pid, r->process, e) < 0 ||
		    confine_set_limits(s->pid, r->process, e) < 0)
			return -1;
		return send_word(s->control, PARENT_GO, e);
	case CHILD_AT_HOOKS:
		if (r->at_hooks(r->argument, s->pid, e) < 0)
			return -1;
		return send_word(s->control, PARENT_GO, e);
	case CHILD_CONSOLE:
		s->master = take_fd(fd);
		snprintf(s->master_name, sizeof(s->master_name), "%.63s", m->detail);
		return 0;
	case CHILD_TRACE:
		if (r->trace)
			r->trace(failure_step_name(m->step), m->value);
		return 0;
	case CHILD_READY:
		return 1;
	default:
		return err_set(e, ERR_INTERNAL, "the child said %u", m->word);
	}
}

/* The debug records are runc's words for the same moments: people and tests search for them. */
static int converse(const struct spawn_request *r, struct spawn *s, struct err *e)
{
	log_debug(LOG_CHILD, "child process in init(): %d", (int)s->pid);
	for (;;) {
		struct child_message m;
		auto_fd int fd = -1;
		int done;

		if (receive(s, &m, &fd, e) < 0)
			return -1;
		done = serve(r, s, &m, &fd, e);
		if (done < 0)
			return -1;
		if (done == 0)
			continue;
		if (r->exec)
			log_debug(LOG_CHILD, "setns_init: about to exec");
		else
			log_debug(LOG_CHILD, "init: closing the pipe to signal completion");
		return 0;
	}
}

static int clone_failed(const struct spawn_request *r, uint32_t flags, struct err *e)
{
	int code = errno;

	err_sys(e, "start the child process");
	if (code == EAGAIN)
		err_hint(e, "a limit on the number of processes was reached (pids.max of the "
			    "cgroup, RLIMIT_NPROC or kernel.pid_max)");
	else if (code == ENOSPC || code == EUSERS)
		err_hint(e, "the limit on namespaces was reached: see /proc/sys/user");
	else if (code == EPERM && (flags & CLONE_NEWUSER))
		err_hint(e, "user namespaces may be switched off: see "
			    "kernel.unprivileged_userns_clone and user.max_user_namespaces");
	else if (r->cgroup >= 0)
		cgroup_explain_join(r->cgroup, e);
	return -1;
}

/* What has to be open before the process exists, in the order of its descriptors. */
static int gather(const struct spawn_request *r, int child_end, int *fds, size_t *count,
		  struct err *e)
{
	fds[(*count)++] = child_end;
	if (r->listener >= 0)
		fds[(*count)++] = r->listener;
	if (r->exec)
		fds[(*count)++] = r->container;
	for (size_t n = 0; !r->exec && n < r->plan->namespaces.count; n++) {
		const struct plan_namespace *ns = &r->plan->namespaces.items[n];

		if (!ns->path)
			continue;
		fds[*count] = open_namespace(ns, e);
		if (fds[*count] < 0)
			return -1;
		(*count)++;
	}
	return 0;
}

/* The child program with its plan, whose length is given back; a descriptor, or -1. */
static int make_program(const struct spawn_request *r, int fd_base, struct arena *a, size_t *ret_len,
			struct err *e)
{
	struct encode_facts facts = {
		.exec = r->exec, .fd_base = fd_base, .has_listener = r->listener >= 0,
		.container_ns = r->container_ns,
		.own_cgroup = r->own_cgroup, .state = r->state, .start_state = r->start_state,
		.filter = r->filter, .cap_last = r->facts->cap_last, .trace = r->trace,
		.ignored_signals = r->facts->ignored_signals, .network_apart = r->network_comes,
		/* A user namespace gives back what our own bounding set lacks. */
		.cap_bounding_now = has_user_ns(r) ? UINT64_MAX : r->facts->cap_bounding,
	};
	const void *bytes;

	if (!r->exec && r->plan->no_pivot && revealing_mounts(a, &facts.revealing, e) < 0)
		return -1;
	encode_plan(r->plan, r->process, &facts, a, &bytes, ret_len);
	return child_image_open(bytes, *ret_len, e);
}

/* `*ret_outside`: the process is in our cgroup and waits to be put into its own. */
static int clone_child(const struct spawn_request *r, struct arena *a, struct spawn *s,
		       bool *ret_outside, struct err *e)
{
	int fd_base = 3 + (int)r->plan->preserve_fds;
	int ends[2], fds[FDS_MAX], result = -1;
	size_t count = 0, opened, plan_len = 0;
	char number[24];
	char *const argv[] = { (char[]){ CHILD_NAME }, number, NULL };
	auto_fd int image = make_program(r, fd_base, a, &plan_len, e);
	struct clone_request request = {
		.flags = r->exec ? 0 : encode_clone_flags(r->plan, r->network_comes),
		.cgroup = r->cgroup, .image = image, .argv = argv, .fds = fds, .fd_base = fd_base,
	};
	request.waits = request.becomes_root = request.flags & CLONE_NEWUSER;

	if (image < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(e, "socket to the child");
	s->control = ends[0];
	auto_fd int child_end = ends[1];

	snprintf(number, sizeof(number), "%zu", plan_len);
	opened = 1 + (r->listener >= 0) + r->exec;
	if (gather(r, child_end, fds, &count, e) == 0) {
		request.fd_count = count;
		s->pid = clone_program(&request, &s->pidfd);
		if (s->pid < 0 && errno == EACCES && r->cgroup >= 0 && r->join) {
			request.cgroup = -1;
			request.waits = *ret_outside = true;
			s->pid = clone_program(&request, &s->pidfd);
		}
		result = s->pid < 0 ? clone_failed(r, (uint32_t)request.flags, e) : 0;
	}
	while (count > opened)
		close(fds[--count]);
	return result;
}

int spawn_start(const struct spawn_request *r, struct arena *a, struct spawn *ret, struct err *e)
{
	static const struct child_message network = { .word = PARENT_NETWORK, .item = -1 };
	bool maps = !r->exec && (encode_clone_flags(r->plan, false) & CLONE_NEWUSER);
	bool outside = false;
	struct spawn s = SPAWN_NONE;

	log_debug(LOG_CHILD, "nsexec container setup");
	if (schedule_runtime(r->process, e) < 0 || clone_child(r, a, &s, &outside, e) < 0 ||
	    (outside && r->join(r->argument, s.pid, e) < 0) ||
	    (r->born && r->born(r->argument, e) < 0) || (maps && write_maps(r, &s, e) < 0) ||
	    (outside && !maps && send_word(s.control, PARENT_GO, e) < 0) ||
	    (r->network_comes &&
	     network_ns_send(s.control, &network, sizeof(network), e) < 0) ||
	    (r->meanwhile && r->meanwhile(r->argument, s.pid, s.pidfd, e) < 0) || converse(r, &s, e) < 0) {
		spawn_kill(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

int spawn_release(struct spawn *s, struct err *e)
{
	return send_word(s->control, PARENT_GO, e);
}

/*
 * The control socket closes itself at exec, so its end means that the program runs, unless the
 * process is gone without a word. A reset is an end with START unread: it never got that far.
 */
int spawn_run(const struct spawn_starting *s, struct err *e)
{
	if (send_word(s->control, PARENT_START, e) < 0)
		return -1;
	for (;;) {
		struct child_message m;
		auto_fd int fd = -1;
		ssize_t n;

		if (fd_wait_readable(s->control, s->pidfd, -1) < 0)
			return err_sys(e, "wait for the container's process");
		n = fd_receive(s->control, &m, sizeof(m), 0, &fd);
		if (n == 0)
			return 0;
		if (n < 0 && errno == ECONNRESET)
			return err_set(e, ERR_STATE, "the container's process ended before it ran the "
				       "program");
		if (n < 0)
			return err_sys(e, "wait for the container's process");
		if ((size_t)n != sizeof(m))
			return err_set(e, ERR_INTERNAL, "the child sent %zd bytes", n);
		m.detail[CHILD_DETAIL - 1] = '\0';
		if (m.word == CHILD_FAILED) {
			failure_report(&m, s->plan, s->process, e);
			return m.step == CHILD_STEP_START_HOOKS ? SPAWN_HOOK_FAILED : -1;
		}
		if (m.word != CHILD_LISTENER)
			continue;
		if (s->listener(s->argument, fd, e) < 0 || send_word(s->control, PARENT_GO, e) < 0)
			return -1;
	}
}

void spawn_close(struct spawn *s)
{
	auto_close_fd(&s->control);
	auto_close_fd(&s->pidfd);
	auto_close_fd(&s->master);
}

void spawn_kill(struct spawn *s)
{
	if (s->pidfd >= 0) {
		pidfd_send_signal(s->pidfd, SIGKILL, NULL, 0);
		waitid(P_PIDFD, (id_t)s->pidfd, &(siginfo_t){ 0 }, WEXITED);
	}
	spawn_close(s);
	s->pid = -1;
}
