/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Interfaces are everybody's who is in the namespace: they are cut for the container
 * alone or not at all.
 */
#include "guard/scan_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/netns.h"
#include "guard/outcome.h"
#include "guard/scan.h"
#include "guard/sockdiag.h"
#include "orlop/auto.h"

static bool is_member(const struct scan *s, pid_t pid)
{
	for (size_t i = 0; i < s->tables->pids.count; i++)
		if (s->tables->pids.items[i] == pid)
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

void scan_net_cut(struct scan *s, struct journal *j)
{
	struct guard_mechanism *line = outcome_line(s->report, s->arena);
	pid_t other = sharer(s);
	auto_fd int program = -1;
	struct err e;

	line->name = "netns";
	if (other) {
		line->outcome = GUARD_UNSUPPORTED;
		line->detail = arena_printf(s->arena, "not cut: process %d outside of the container "
					    "is in the same network namespace", (int)other);
	} else if (s->no_diag) {
		netns_not(s->no_diag, s->no_diag_code, s->arena, line);
	} else if ((program = netns_load()) < 0) {
		netns_not("load", errno, s->arena, line);
	/* Only now: what is not known to be there need not be taken back. */
	} else if (journal_netns(j, s->netns_inode, s->arena, &e) < 0) {
		line->outcome = GUARD_FAILED;
		line->detail = arena_printf(s->arena, "left as it is: %s", e.text);
	} else {
		netns_cut(s->netns, program, s->arena, line);
		s->cut = line->outcome == GUARD_APPLIED;
	}
}

void scan_net_open(struct scan *s)
{
	socklen_t len = sizeof(s->cookie);
	auto_fd int any = -1;
	int before;

	if (s->entered)
		return;
	s->entered = true;
	for (size_t i = 0; i < s->tables->pids.count && s->netns < 0; i++)
		if (s->tables->pids.items[i] > 0)
			s->netns = netns_open(s->tables->pids.items[i], &s->netns_inode);
	s->no_diag = "entering the network namespace";
	before = s->netns < 0 ? -1 : netns_enter(s->netns);
	s->no_diag_code = errno;
	if (before < 0)
		return;
	s->diag = sockdiag_open();
	s->no_diag_code = errno;
	s->no_diag = NULL;
	any = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any >= 0)
		getsockopt(any, SOL_SOCKET, SCAN_OPTION_NETNS_COOKIE, &s->cookie, &len);
	netns_leave(before);
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
