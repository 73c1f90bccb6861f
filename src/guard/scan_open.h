/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is open in a group: every descriptor of every thread, and what sockets are, told by the
 * kernel and not by the container. The parts of the scan share its struct.
 */
#pragma once

#include "engine/cgroup.h"
#include "guard/held.h"

enum { SCAN_GROUPS_MAX = 4096, SCAN_KNOWN = 4, SCAN_KNOWN_FDS = 32,
	 SCAN_OPTION_NETNS_COOKIE = 71 };

/* A socket that somebody in the container has open. */
struct seen {
	uint32_t inode;
	pid_t pid;
	int fd, family;
	bool elsewhere;		/* of another network namespace than the first process's */
	bool bypass;		/* a packet socket that goes around the queues */
};

/* A table of descriptors that was looked at whole. */
struct known {
	pid_t pid;
	size_t count;
	int fds[SCAN_KNOWN_FDS];
};

struct scan {
	const struct held *held;
	bool observe;
	bool still;		/* everybody is frozen and stays so */
	bool rings;		/* of io_uring: they work while their owner is frozen */
	bool cut;		/* the interfaces of the network namespace are cut */
	uint64_t end;
	struct cgroup_pids pids;
	uint64_t groups[SCAN_GROUPS_MAX];	/* the ids of the cgroup and those below it */
	size_t group_count;
	size_t threads;
	bool settled;		/* everybody was frozen when this began */
	bool one_threaded;	/* nobody has a second thread */
	struct known known[SCAN_KNOWN];
	size_t known_next;
	bool no_counts;		/* the kernel does not say how many descriptors there are */
	int netns, diag;
	uint64_t netns_inode, cookie;
	struct seen *sockets;
	size_t socket_count, socket_room;
	uint32_t *table;	/* of inodes that were seen: open addressing, 0 is free */
	size_t table_size, table_count;
	struct arena *arena;
	struct guard_report *report;
};

/* Adds a way out to the report. */
void scan_find(struct scan *s, const char *kind, pid_t pid, int fd, enum guard_held held,
	       const char *detail);

/* What holds something that only executing code can use. */
enum guard_held scan_by_freeze(const struct scan *s);

/* Looks at everybody, as long as there is time: s->sockets, and findings about all else. */
void scan_open(struct scan *s);

/* Whether the socket with this inode is open in the group. */
bool scan_has(const struct scan *s, uint32_t inode);
