/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What was noted in the tables is looked at here; sockets are fetched from their owner
 * (pidfd_getfd) and asked what they are, because that is the only answer which the container
 * cannot arrange.
 *
 * What cannot be seen from outside: a descriptor that is under way in a unix socket, and those
 * that were registered with a ring; of the latter the ring at least says how many there are.
 */
#include "guard/scan_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "guard/scan_net.h"
#include "orlop/auto.h"

enum { FINDINGS_MAX = 256, OPTION_QDISC_BYPASS = 20 };

void scan_find(struct scan *s, const char *kind, pid_t pid, int fd, enum guard_held held,
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

enum guard_held scan_by_freeze(const struct scan *s)
{
	return s->still && !s->rings ? GUARD_HELD_FROZEN : GUARD_HELD_OPEN;
}

bool scan_has(const struct scan *s, uint32_t inode)
{
	for (size_t at = inode * 2654435761u; s->table_size; at++) {
		uint32_t slot = s->table[at % s->table_size];

		if (slot == inode || slot == 0)
			return slot == inode;
	}
	return false;
}

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

static void see_socket(struct scan *s, pid_t pid, int pidfd, int fd, uint32_t inode)
{
	auto_fd int socket = pidfd >= 0 ? pidfd_getfd(pidfd, fd, 0) : -1;
	struct seen seen = { .inode = inode, .pid = pid, .fd = fd, .family = -1 };
	uint64_t cookie = 0;
	socklen_t len = sizeof(seen.family), cookie_len = sizeof(cookie);
	int bypass = 0;

	if (socket < 0 ||
	    getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &seen.family, &len) < 0) {
		seen.hidden = err_errno_text(errno);
		seen.family = -1;
	}
	scan_net_open(s);
	seen.elsewhere = getsockopt(socket, SOL_SOCKET, SCAN_OPTION_NETNS_COOKIE, &cookie,
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
		scan_find(s, "io-uring", pid, fd, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "works while its owner is frozen, with %lu registered "
				  "files that cannot be seen", count));
	else if (s->uncut)
		scan_find(s, "io-uring", pid, fd, GUARD_HELD_OPEN,
		     "works while its owner is frozen, and the network is not cut");
	else
		scan_find(s, "io-uring", pid, fd, GUARD_HELD_CUT,
		     "works while its owner is frozen; what it sends to the network is dropped");
}

/* Another number or another process's number for a file that was looked at just before. */
static bool is_same(const struct tables_noted *before, const struct tables_noted *now)
{
	return before && strcmp(before->target, now->target) == 0 &&
	       syscall(SYS_kcmp, before->tid, now->tid, KCMP_FILE, before->fd, now->fd) == 0;
}

static void see(struct scan *s, const struct tables_noted *noted, int *pidfd)
{
	static const char socket_is[] = "socket:[";
	enum { OF_A_THREAD = O_EXCL };	/* PIDFD_THREAD, Linux 6.9 */

	if (strncmp(noted->target, socket_is, strlen(socket_is)) == 0) {
		uint32_t inode = (uint32_t)strtoul(noted->target + strlen(socket_is), NULL, 10);

		if (!table_add(s, inode))
			return;
		if (*pidfd < 0)
			*pidfd = pidfd_open(noted->tid, noted->pid == noted->tid ? 0 : OF_A_THREAD);
		see_socket(s, noted->pid, *pidfd, noted->fd, inode);
	} else if (*noted->target == '/') {
		scan_find(s, "device", noted->pid, noted->fd, scan_by_freeze(s),
		     arena_printf(s->arena, "\"%.60s\" is open, which cannot be taken back",
				  noted->target));
	} else {
		see_ring(s, noted->pid, noted->fd);
	}
}

void scan_open(struct scan *s)
{
	const struct tables *t = s->tables;
	const struct tables_noted *before = NULL;
	auto_fd int pidfd = -1;

	for (size_t i = 0; i < t->noted_count; i++) {
		const struct tables_noted *noted = &t->noted[i];

		if (before && before->tid != noted->tid)
			auto_close_fd(&pidfd);
		if (!is_same(before, noted))
			see(s, noted, &pidfd);
		before = noted;
	}
	if (t->missed)
		scan_find(s, "time", 0, -1, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "%zu of %zu processes were not looked at", t->missed,
				  t->pids.count));
	if (t->unseen.count)
		scan_find(s, "process", t->unseen.last, -1, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "what %zu of %zu processes have open cannot be seen: "
				  "%s: orlop needs CAP_SYS_PTRACE", t->unseen.count, t->pids.count,
				  err_errno_text(t->unseen.code)));
	if (t->pids.count && t->pids.items[0] <= 0)
		scan_find(s, "process", 0, -1, GUARD_HELD_OPEN,
		     "there are processes that this pid namespace does not have");
}
