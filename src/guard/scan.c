/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Every descriptor of every thread is looked at; sockets are fetched from their owner
 * (pidfd_getfd) and asked what they are, because that is the only answer which the container
 * cannot arrange. It is given a time, and says when that was not enough.
 *
 * What cannot be seen from outside: a descriptor that is under way in a unix socket, and those
 * that were registered with a ring; of the latter the ring at least says how many there are.
 */
#include "guard/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/cgroup_dir.h"
#include "guard/freeze.h"
#include "guard/netns.h"
#include "guard/outcome.h"
#include "guard/sockdiag.h"
#include "orlop/auto.h"

enum { BUDGET_MS = 1000, NS_PER_MS = 1000000, FINDINGS_MAX = 256, GROUPS_MAX = 4096,
	OPTION_NETNS_COOKIE = 71, OPTION_QDISC_BYPASS = 20, CAPABILITY_NET_RAW = 13 };

/* A socket that somebody in the container has open. */
struct seen {
	uint32_t inode;
	pid_t pid;
	int fd, family;
	bool elsewhere;		/* of another network namespace than the first process's */
	bool bypass;		/* a packet socket that goes around the queues */
};

struct scan {
	const struct held *held;
	bool observe;
	bool still;		/* everybody is frozen and stays so */
	bool rings;		/* of io_uring: they work while their owner is frozen */
	bool cut;		/* the interfaces of the network namespace are cut */
	uint64_t end;
	struct cgroup_pids pids;
	uint64_t groups[GROUPS_MAX];	/* the ids of the cgroup and those below it */
	size_t group_count;
	int netns, diag;
	uint64_t netns_inode, cookie;
	struct seen *sockets;
	size_t socket_count, socket_room;
	uint32_t *table;	/* of inodes that were seen: open addressing, 0 is free */
	size_t table_size, table_count;
	struct arena *arena;
	struct guard_report *report;
};

static void find(struct scan *s, const char *kind, pid_t pid, int fd, enum guard_held held,
		 const char *detail)
{
	struct guard_report *r = s->report;

	if (!r->findings.items)
		r->findings.items = arena_new_array(s->arena, struct guard_finding, FINDINGS_MAX);
	if (r->findings.count == FINDINGS_MAX) {
		/* The last one stands for all that there is no room for. */
		r->findings.items[FINDINGS_MAX - 1] = (struct guard_finding){
			"more", 0, -1, GUARD_HELD_OPEN, "there are more than are listed" };
		return;
	}
	r->findings.items[r->findings.count++] =
		(struct guard_finding){ kind, pid, fd, held, detail };
}

/* What holds something that only executing code can use. */
static enum guard_held by_freeze(const struct scan *s)
{
	return s->still && !s->rings ? GUARD_HELD_FROZEN : GUARD_HELD_OPEN;
}

/* ---- what is open ---- */

static bool table_add(struct scan *s, uint32_t inode)
{
	if (s->table_count * 2 >= s->table_size) {
		uint32_t *old = s->table;
		size_t size = s->table_size;

		s->table_size = size ? size * 2 : 256;
		s->table = arena_new_array(s->arena, uint32_t, s->table_size);
		s->table_count = 0;
		for (size_t i = 0; i < size; i++)
			if (old[i])
				table_add(s, old[i]);
	}
	for (size_t at = inode * 2654435761u;; at++) {
		uint32_t *slot = &s->table[at % s->table_size];

		if (*slot == inode)
			return false;
		if (*slot == 0) {
			*slot = inode;
			s->table_count++;
			return true;
		}
	}
}

static bool table_has(const struct scan *s, uint32_t inode)
{
	for (size_t at = inode * 2654435761u; s->table_size; at++) {
		uint32_t slot = s->table[at % s->table_size];

		if (slot == inode || slot == 0)
			return slot == inode;
	}
	return false;
}

static void see_socket(struct scan *s, pid_t pid, int pidfd, int fd, uint32_t inode)
{
	auto_fd int socket = pidfd >= 0 ? pidfd_getfd(pidfd, fd, 0) : -1;
	struct seen seen = { .inode = inode, .pid = pid, .fd = fd, .family = -1 };
	uint64_t cookie = 0;
	socklen_t len = sizeof(seen.family), cookie_len = sizeof(cookie);
	int bypass = 0;

	if (socket < 0 ||
	    getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &seen.family, &len) < 0) {
		find(s, "socket", pid, fd, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "cannot be looked at: %s", err_errno_text(errno)));
		return;
	}
	seen.elsewhere = getsockopt(socket, SOL_SOCKET, OPTION_NETNS_COOKIE, &cookie,
				    &cookie_len) < 0 || cookie != s->cookie;
	len = sizeof(bypass);
	if (seen.family == AF_PACKET &&
	    getsockopt(socket, SOL_PACKET, OPTION_QDISC_BYPASS, &bypass, &len) == 0)
		seen.bypass = bypass != 0;
	if (s->socket_count == s->socket_room) {
		struct seen *more;

		s->socket_room = s->socket_room ? s->socket_room * 2 : 64;
		more = arena_new_array(s->arena, struct seen, s->socket_room);
		if (s->socket_count)
			memcpy(more, s->sockets, s->socket_count * sizeof(*more));
		s->sockets = more;
	}
	s->sockets[s->socket_count++] = seen;
}

static void see_ring(struct scan *s, pid_t pid, int fd)
{
	char path[64], text[2048];
	const char *files;
	unsigned long count = 0;
	auto_fd int file = -1;

	s->rings = true;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file >= 0 && file_read_fd(file, text, sizeof(text)) > 0 &&
	    (files = strstr(text, "UserFiles:")))
		count = strtoul(files + strlen("UserFiles:"), NULL, 10);
	if (count || file < 0)
		find(s, "io-uring", pid, fd, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "works while its owner is frozen, with %lu registered "
				  "files that cannot be seen", count));
	else
		find(s, "io-uring", pid, fd, GUARD_HELD_CUT,
		     "works while its owner is frozen; what it sends to the network is dropped");
}

static bool is_harmless_device(const char *path)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom", "tty",
		"ptmx", "console" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(path, names[i]) == 0)
			return true;
	return strncmp(path, "pts/", 4) == 0 || strncmp(path, "shm/", 4) == 0 ||
	       strncmp(path, "mqueue/", 7) == 0;
}

static void see(struct scan *s, pid_t pid, int *pidfd, unsigned pidfd_flags, pid_t tid, int fd,
		const char *target)
{
	static const char socket_is[] = "socket:[", device_is[] = "/dev/";

	if (strncmp(target, socket_is, strlen(socket_is)) == 0) {
		uint32_t inode = (uint32_t)strtoul(target + strlen(socket_is), NULL, 10);

		if (!table_add(s, inode))
			return;
		if (*pidfd < 0)
			*pidfd = pidfd_open(tid, pidfd_flags);
		see_socket(s, pid, *pidfd, fd, inode);
	} else if (strcmp(target, "anon_inode:[io_uring]") == 0) {
		see_ring(s, pid, fd);
	} else if (strncmp(target, device_is, strlen(device_is)) == 0 &&
		   !is_harmless_device(target + strlen(device_is))) {
		find(s, "device", pid, fd, by_freeze(s),
		     arena_printf(s->arena, "\"%.60s\" is open, which cannot be taken back", target));
	}
}

/* The descriptors of one table. `tid` is the thread whose table it is. */
static void see_table(struct scan *s, pid_t pid, pid_t tid)
{
	enum { OF_A_THREAD = O_EXCL };	/* PIDFD_THREAD, Linux 6.9 */
	auto_fd int pidfd = -1;
	struct dirent *entry;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", (int)pid, (int)tid);
	auto_dir DIR *fds = opendir(path);
	while (fds && (entry = readdir(fds))) {
		char target[128];
		ssize_t n;

		if (entry->d_name[0] == '.')
			continue;
		n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		see(s, pid, &pidfd, pid == tid ? 0 : OF_A_THREAD, tid, atoi(entry->d_name), target);
		if (freeze_now() > s->end)
			return;
	}
}

/* Threads may have tables of their own. */
static void see_process(struct scan *s, pid_t pid)
{
	struct stat st;
	struct dirent *entry;
	char path[48];

	see_table(s, pid, pid);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	/* Two links, and one for each thread. */
	if (stat(path, &st) < 0 || st.st_nlink <= 3)
		return;
	auto_dir DIR *threads = opendir(path);
	while (threads && (entry = readdir(threads)) && freeze_now() <= s->end) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid > 0 && tid != pid && syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) != 0)
			see_table(s, pid, tid);
	}
}

static bool may_send_raw(pid_t pid)
{
	char path[48], text[4096];
	const char *set;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	auto_fd int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || file_read_fd(file, text, sizeof(text)) <= 0 ||
	    !(set = strstr(text, "\nCapPrm:")))
		return true;
	return strtoull(set + strlen("\nCapPrm:"), NULL, 16) >> CAPABILITY_NET_RAW & 1;
}

static void see_all(struct scan *s)
{
	for (size_t i = 0; i < s->pids.count; i++) {
		pid_t pid = s->pids.items[i];

		if (freeze_now() > s->end) {
			find(s, "time", 0, -1, GUARD_HELD_OPEN,
			     arena_printf(s->arena, "%zu of %zu processes were not looked at",
					  s->pids.count - i, s->pids.count));
			return;
		}
		if (pid <= 0) {
			find(s, "process", 0, -1, GUARD_HELD_OPEN,
			     "there are processes that this pid namespace does not have");
			continue;
		}
		see_process(s, pid);
	}
}

/* ---- what it means ---- */

static int add_group(int dir, const char *name, void *argument)
{
	struct scan *s = argument;
	struct stat st;
	auto_fd int group = name ? cgroup_dir_open(dir, name) : cgroup_dir_open(dir, "");

	if (group < 0 || fstat(group, &st) < 0 || s->group_count == GROUPS_MAX)
		return 0;
	s->groups[s->group_count++] = st.st_ino;
	return cgroup_dir_each(group, add_group, s);
}

static bool is_own_group(const struct scan *s, uint64_t id)
{
	for (size_t i = 0; i < s->group_count; i++)
		if (s->groups[i] == id)
			return true;
	return false;
}

static const struct sockdiag_inet *inet_of(const struct sockdiag_inets *inets, uint32_t inode)
{
	for (size_t i = 0; i < inets->count; i++)
		if (inets->items[i].inode == inode)
			return &inets->items[i];
	return NULL;
}

static enum guard_held by_cut(struct scan *s, const struct seen *seen)
{
	if (s->cut && !seen->elsewhere && !seen->bypass)
		return GUARD_HELD_CUT;
	return GUARD_HELD_OPEN;
}

static void judge_inet(struct scan *s, const struct seen *seen, const struct sockdiag_inets *inets)
{
	const struct sockdiag_inet *inet = inet_of(inets, seen->inode);
	const char *detail = "made outside: its packets are not accounted to this cgroup";

	if (inet && is_own_group(s, inet->cgroup))
		return;
	/* Neither TCP nor UDP, or not bound: nothing is under way, and whose it is is not told. */
	if (!inet && !seen->elsewhere && s->diag >= 0) {
		if (by_freeze(s) == GUARD_HELD_OPEN)
			find(s, "inet-socket", seen->pid, seen->fd, by_cut(s, seen),
			     "not bound; whether it was made outside is not known");
		return;
	}
	if (seen->elsewhere)
		detail = "of another network namespace; whose packets these are is not known";
	find(s, "foreign-socket", seen->pid, seen->fd, by_cut(s, seen), detail);
}

static void judge_unix(struct scan *s, const struct seen *seen,
		       const struct sockdiag_unixes *unixes)
{
	for (size_t i = 0; i < unixes->count; i++) {
		const struct sockdiag_unix *u = &unixes->items[i];

		if (u->inode != seen->inode || !u->peer || table_has(s, u->peer))
			continue;
		find(s, "unix-socket", seen->pid, seen->fd, by_freeze(s),
		     "connected to a process outside");
	}
	if (seen->elsewhere)
		find(s, "unix-socket", seen->pid, seen->fd, by_freeze(s),
		     "made in another network namespace; whom it is connected to is not known");
}

static void judge_packet(struct scan *s, const struct seen *seen)
{
	const char *detail = "sends frames that programs on a cgroup do not see";
	enum guard_held held = by_freeze(s);

	if (seen->bypass)
		detail = "goes around the queues of the interface";
	find(s, "packet-socket", seen->pid, seen->fd,
	     held == GUARD_HELD_FROZEN ? held : by_cut(s, seen), detail);
}

static void judge(struct scan *s, const struct seen *seen, const struct sockdiag_inets *inets,
		  const struct sockdiag_unixes *unixes)
{
	switch (seen->family) {
	case AF_INET:
	case AF_INET6:
		judge_inet(s, seen, inets);
		break;
	case AF_UNIX:
		judge_unix(s, seen, unixes);
		break;
	case AF_PACKET:
		judge_packet(s, seen);
		break;
	case AF_NETLINK:
		if (seen->elsewhere)
			find(s, "netlink-socket", seen->pid, seen->fd, by_freeze(s),
			     "speaks with another network namespace");
		break;
	case AF_VSOCK:
		find(s, "vsock", seen->pid, seen->fd, GUARD_HELD_OPEN,
		     "leads to the hypervisor; the kernel may still send what it was given");
		break;
	case AF_XDP:
		find(s, "xdp-socket", seen->pid, seen->fd, GUARD_HELD_OPEN,
		     "shares its queue with the interface; nothing here stops that");
		break;
	default:
		find(s, "socket", seen->pid, seen->fd, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "family %d, of which nothing is known", seen->family));
		break;
	}
}

/* What only the interfaces can hold. */
static bool needs_interfaces(const struct scan *s, const struct seen *seen,
			     const struct sockdiag_inets *inets)
{
	const struct sockdiag_inet *inet;

	if (seen->elsewhere)
		return false;
	if (seen->family == AF_PACKET)
		return true;
	if (seen->family != AF_INET && seen->family != AF_INET6)
		return false;
	inet = inet_of(inets, seen->inode);
	return inet && !is_own_group(s, inet->cgroup);
}

static bool is_member(const struct scan *s, pid_t pid)
{
	for (size_t i = 0; i < s->pids.count; i++)
		if (s->pids.items[i] == pid)
			return true;
	return false;
}

/* A process outside of the container that is in its network namespace, or 0. */
static pid_t sharer(const struct scan *s)
{
	auto_dir DIR *all = opendir("/proc");
	struct dirent *entry;

	while (all && (entry = readdir(all))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		char path[48];
		struct stat st;

		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
		if (stat(path, &st) == 0 && st.st_ino == s->netns_inode && !is_member(s, pid))
			return pid;
	}
	return 0;
}

static void cut_interfaces(struct scan *s, struct journal *j)
{
	struct guard_mechanism *line = outcome_line(s->report, s->arena);
	pid_t other = sharer(s);
	struct err e;

	line->name = "netns";
	if (other) {
		line->outcome = GUARD_UNSUPPORTED;
		line->detail = arena_printf(s->arena, "not cut: process %d outside of the container "
					    "is in the same network namespace", (int)other);
	} else if (journal_netns(j, s->netns_inode, s->arena, &e) < 0) {
		line->outcome = GUARD_FAILED;
		line->detail = arena_printf(s->arena, "left as it is: %s", e.text);
	} else {
		netns_cut(s->netns, s->arena, line);
		s->cut = line->outcome == GUARD_APPLIED;
	}
}

/* Whoever goes on and may make packet sockets will. */
static void judge_raw(struct scan *s)
{
	for (size_t i = 0; s->observe && i < s->pids.count; i++)
		if (s->pids.items[i] > 0 && may_send_raw(s->pids.items[i])) {
			find(s, "capability", s->pids.items[i], -1,
			     s->cut ? GUARD_HELD_CUT : GUARD_HELD_OPEN,
			     "CAP_NET_RAW: it may make packet sockets while it is observed");
			return;
		}
}

static bool anybody_raw(const struct scan *s)
{
	for (size_t i = 0; s->observe && i < s->pids.count; i++)
		if (s->pids.items[i] > 0 && may_send_raw(s->pids.items[i]))
			return true;
	return false;
}

static void sever(struct scan *s, const struct sockdiag_inets *inets)
{
	enum { ESTABLISHED = 1, LISTENING = 10 };
	struct guard_mechanism *line = outcome_line(s->report, s->arena);
	size_t ended = 0, failed = 0;

	for (size_t i = 0; i < inets->count; i++) {
		const struct sockdiag_inet *inet = &inets->items[i];

		if (inet->protocol != IPPROTO_TCP || inet->state == LISTENING ||
		    !is_own_group(s, inet->cgroup))
			continue;
		if (sockdiag_destroy(s->diag, inet) == 0)
			ended++;
		else if (errno != ENOENT)
			failed++;
	}
	*line = (struct guard_mechanism){
		"sever", s->diag < 0 || failed ? GUARD_FAILED : GUARD_APPLIED,
		arena_printf(s->arena, "%zu ended, %zu could not be", ended, failed),
	};
}

/* The namespace of the first process that still says which. */
static void open_netns(struct scan *s)
{
	socklen_t len = sizeof(s->cookie);
	int before;

	for (size_t i = 0; i < s->pids.count && s->netns < 0; i++)
		if (s->pids.items[i] > 0)
			s->netns = netns_open(s->pids.items[i], &s->netns_inode);
	before = s->netns < 0 ? -1 : netns_enter(s->netns);
	if (before < 0)
		return;
	s->diag = sockdiag_open();
	if (s->diag >= 0)
		getsockopt(s->diag, SOL_SOCKET, OPTION_NETNS_COOKIE, &s->cookie, &len);
	netns_leave(before);
}

static void look(struct scan *s, bool severs, struct journal *j)
{
	struct sockdiag_inets inets = { 0 };
	struct sockdiag_unixes unixes = { 0 };
	bool any_inet = severs, any_unix = false, interfaces;

	see_all(s);
	for (size_t i = 0; i < s->socket_count; i++) {
		any_inet |= s->sockets[i].family == AF_INET || s->sockets[i].family == AF_INET6;
		any_unix |= s->sockets[i].family == AF_UNIX;
	}
	if ((any_inet && (s->diag < 0 || sockdiag_inet(s->diag, s->arena, &inets) < 0)) ||
	    (any_unix && (s->diag < 0 || sockdiag_unix(s->diag, s->arena, &unixes) < 0)))
		outcome_add(s->report, s->arena, "sock-diag", GUARD_FAILED,
			   "the kernel does not tell what sockets there are");
	interfaces = anybody_raw(s);
	for (size_t i = 0; i < s->socket_count; i++)
		interfaces |= needs_interfaces(s, &s->sockets[i], &inets);
	if (interfaces && s->netns >= 0)
		cut_interfaces(s, j);
	if (severs)
		sever(s, &inets);
	for (size_t i = 0; i < s->socket_count; i++)
		judge(s, &s->sockets[i], &inets, &unixes);
	judge_raw(s);
}

void scan_group(const struct held *h, const struct guard_request *request, struct journal *j,
		struct arena *a, struct guard_report *report)
{
	const struct guard_mechanism *freeze = outcome_find(report, "freeze");
	struct scan *s = arena_new(a, struct scan);
	uint64_t begin = freeze_now();
	struct err e;

	s->held = h;
	s->observe = request->observe;
	s->still = !request->observe && freeze && freeze->outcome == GUARD_APPLIED;
	s->end = begin + (uint64_t)BUDGET_MS * NS_PER_MS;
	s->netns = s->diag = -1;
	s->arena = a;
	s->report = report;
	if (cgroup_pids(h->group, a, &s->pids, &e) < 0) {
		outcome_add(report, a, "scan", GUARD_FAILED, arena_strdup(a, e.text));
		return;
	}
	add_group(h->group, NULL, s);
	open_netns(s);
	look(s, request->sever, j);
	auto_close_fd(&s->diag);
	auto_close_fd(&s->netns);
	outcome_add(report, a, "scan", GUARD_APPLIED,
		   arena_printf(a, "%zu processes, %zu sockets", s->pids.count, s->socket_count));
}

void scan_undo(const struct held *h, const struct journal *j, struct arena *a,
	       struct guard_mechanism *line)
{
	struct cgroup_pids pids = { 0 };
	struct err e;

	*line = (struct guard_mechanism){ .name = "netns", .outcome = GUARD_UNSUPPORTED,
					  .detail = "no process is in that network namespace any more" };
	if (cgroup_pids(h->group, a, &pids, &e) < 0)
		return;
	for (size_t i = 0; i < pids.count; i++) {
		uint64_t inode = 0;
		auto_fd int netns = pids.items[i] > 0 ? netns_open(pids.items[i], &inode) : -1;

		if (netns >= 0 && inode == j->netns) {
			netns_uncut(netns, a, line);
			return;
		}
	}
}
