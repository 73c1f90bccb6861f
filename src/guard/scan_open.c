/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Every descriptor of every thread is looked at; sockets are fetched from their owner
 * (pidfd_getfd) and asked what they are, because that is the only answer which the container
 * cannot arrange. It is given a time, and says when that was not enough.
 *
 * Most processes have of their parent what they have: an open file that was looked at already is
 * known by kcmp(2), which costs a fraction of reading its name. That is for groups that stand
 * still, where a count that was read stays true.
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
#include "guard/freeze.h"
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
		scan_find(s, "socket", pid, fd, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "cannot be looked at: %s", err_errno_text(errno)));
		return;
	}
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
	else
		scan_find(s, "io-uring", pid, fd, GUARD_HELD_CUT,
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
		scan_find(s, "device", pid, fd, scan_by_freeze(s),
		     arena_printf(s->arena, "\"%.60s\" is open, which cannot be taken back", target));
	}
}

/* How many descriptors a process has (Linux 6.2; 0 before). */
static size_t count_of(pid_t pid)
{
	struct stat st;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	return stat(path, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
}

static bool is_same(const struct known *known, pid_t pid)
{
	for (size_t i = 0; i < known->count; i++)
		if (syscall(SYS_kcmp, known->pid, pid, KCMP_FILE, known->fds[i],
			    known->fds[i]) != 0)
			return false;
	return true;
}

/* Whether all that the process has open was looked at already, with another one. */
static bool is_known(const struct scan *s, pid_t pid)
{
	size_t count = s->settled && s->one_threaded && !s->no_counts ? count_of(pid) : 0;

	for (size_t i = 0; count && i < SCAN_KNOWN; i++)
		if (s->known[i].count == count && is_same(&s->known[i], pid))
			return true;
	return false;
}

static void remember(struct scan *s, const struct known *known)
{
	if (!known->count || known->count > SCAN_KNOWN_FDS)
		return;
	if (count_of(known->pid) != known->count)
		s->no_counts = true;
	else
		s->known[s->known_next++ % SCAN_KNOWN] = *known;
}

/* The descriptors of one table. `tid` is the thread whose table it is. */
static void see_table(struct scan *s, pid_t pid, pid_t tid)
{
	struct known known = { .pid = pid };
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
		if (known.count++ < SCAN_KNOWN_FDS)
			known.fds[known.count - 1] = atoi(entry->d_name);
		see(s, pid, &pidfd, pid == tid ? 0 : OF_A_THREAD, tid, atoi(entry->d_name), target);
		if (freeze_now() > s->end)
			return;
	}
	if (s->settled && s->one_threaded && !s->no_counts)
		remember(s, &known);
}

/* Threads may have tables of their own. */
static void see_process(struct scan *s, pid_t pid)
{
	struct stat st;
	struct dirent *entry;
	char path[48];

	if (is_known(s, pid))
		return;
	see_table(s, pid, pid);
	if (s->one_threaded)
		return;
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

void scan_open(struct scan *s)
{
	for (size_t i = 0; i < s->pids.count; i++) {
		pid_t pid = s->pids.items[i];

		if (freeze_now() > s->end) {
			scan_find(s, "time", 0, -1, GUARD_HELD_OPEN,
			     arena_printf(s->arena, "%zu of %zu processes were not looked at",
					  s->pids.count - i, s->pids.count));
			return;
		}
		if (pid <= 0) {
			scan_find(s, "process", 0, -1, GUARD_HELD_OPEN,
			     "there are processes that this pid namespace does not have");
			continue;
		}
		see_process(s, pid);
	}
}

