/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What sock_diag(7) knows of the sockets of a network namespace and /proc/net does
 * not: the cgroup that made each, how much went through it and when it was last used. Whose a
 * socket is stands beside it, by the descriptors of the container's processes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guard/capture.h"
#include "guard/netns.h"
#include "guard/sockdiag.h"
#include "json/emit.h"
#include "orlop/auto.h"

enum { OWNERS_MAX = 65536, LISTENS = 10 };

struct owner {
	uint32_t inode;
	pid_t pid;
	int fd;
};

struct owners {
	struct owner *items;
	size_t count;
};

static const char *const states[] = { "", "established", "syn-sent", "syn-received",
	"fin-wait-1", "fin-wait-2", "time-wait", "closed", "close-wait", "last-ack", "listens",
	"closing", "syn-received" };

/* Every socket that a process of the container has open. */
static struct owners find_owners(const struct capture *c, struct arena *a)
{
	struct owners ret = { .items = arena_new_array(a, struct owner, OWNERS_MAX) };

	for (size_t i = 0; i < c->process_count; i++) {
		const struct capture_process *p = &c->processes[i];
		int fd = p->proc < 0 ? -1 : openat(p->proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		auto_dir DIR *fds = fd < 0 ? NULL : fdopendir(fd);
		struct dirent *entry;

		while (fds && (entry = readdir(fds)) && ret.count < OWNERS_MAX) {
			char target[64];
			ssize_t n = readlinkat(dirfd(fds), entry->d_name, target,
					       sizeof(target) - 1);
			unsigned inode;

			target[n > 0 ? n : 0] = '\0';
			if (sscanf(target, "socket:[%u]", &inode) == 1)
				ret.items[ret.count++] = (struct owner){ inode, p->pid,
					(int)strtol(entry->d_name, NULL, 10) };
		}
	}
	return ret;
}

static void tell_owners(struct emit *m, const struct owners *owners, uint32_t inode)
{
	emit_array(m, "owners");
	for (size_t i = 0; inode && i < owners->count; i++) {
		if (owners->items[i].inode != inode)
			continue;
		emit_object(m, NULL);
		emit_i64(m, "pid", owners->items[i].pid);
		emit_i64(m, "fd", owners->items[i].fd);
		emit_end(m);
	}
	emit_end(m);
}

static void tell_socket(struct emit *m, const struct sockdiag_inet *s,
			const struct owners *owners)
{
	char here[SOCKDIAG_TEXT], there[SOCKDIAG_TEXT];

	sockdiag_text(s, here, there);
	emit_object(m, NULL);
	emit_str(m, "protocol", s->protocol == IPPROTO_TCP ? "tcp" : "udp");
	emit_str(m, "here", here);
	emit_str(m, "there", there);
	emit_str(m, "state", s->state < ARRAY_LEN(states) ? states[s->state] : "");
	emit_u64(m, "inode", s->inode);
	emit_u64(m, "uid", s->uid);
	emit_u64(m, "cgroup", s->cgroup);
	/* Where one listens these are connections: how many wait, and how many may. */
	emit_u64(m, s->state == LISTENS ? "waiting" : "unread", s->unread);
	emit_u64(m, s->state == LISTENS ? "backlog" : "unsent", s->unsent);
	if (s->protocol == IPPROTO_TCP && s->state != LISTENS) {
		emit_u64(m, "sent", s->sent);
		emit_u64(m, "received", s->received);
		emit_u64(m, "lastSentMs", s->last_sent_ms);
		emit_u64(m, "lastReceivedMs", s->last_received_ms);
		emit_u64(m, "rttUs", s->rtt_us);
		emit_u64(m, "retransmits", s->retransmits);
	}
	tell_owners(m, owners, s->inode);
	emit_end(m);
}

/* A socket for questions about the namespace that a process is in; -1, errno and what failed. */
static int open_diag(const struct capture_process *p, const char **ret_what)
{
	uint64_t inode;
	auto_fd int netns = netns_open(p->pid, &inode);
	int before = netns < 0 || inode != p->netns ? -1 : netns_enter(netns);
	int diag;

	*ret_what = "entering the network namespace";
	if (before < 0)
		return -1;
	*ret_what = "sock_diag";
	diag = sockdiag_open();
	netns_leave(before);
	return diag;
}

int capture_diag(struct capture *c, const struct capture_process *p, unsigned without,
		 struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	struct emit m = EMIT_IN(&scratch, 1);
	uint64_t began = sink_now(CLOCK_REALTIME);
	const char *path = arena_printf(c->arena, "sockets/net-%llu/diag.json",
					(unsigned long long)p->netns);
	const char *what;
	auto_fd int diag = open_diag(p, &what);
	struct sockdiag_inets sockets;
	struct owners owners;
	const char *text;

	if (diag < 0 || sockdiag_inet(diag, without, &scratch, &sockets) < 0) {
		capture_problem(c, path, "%s: %s", what, err_errno_text(errno));
		return 0;
	}
	if (sockets.lacking)
		capture_problem(c, path, "the kernel does not tell of TCP or of UDP: it needs "
				"tcp_diag and udp_diag");
	owners = find_owners(c, &scratch);
	emit_array(&m, NULL);
	for (size_t i = 0; i < sockets.count; i++)
		tell_socket(&m, &sockets.items[i], &owners);
	emit_end(&m);
	text = emit_get(&m);
	return sink_put(c->sink, path, text, strlen(text), began, KERNEL, "sock_diag", e);
}
