/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is open in a group: every descriptor of every thread, and what sockets are, told by the
 * kernel and not by the container. The parts of the scan share its struct.
 */
#pragma once

#include "guard/held.h"
#include "guard/scan_tables.h"

enum { SCAN_OPTION_NETNS_COOKIE = 71 };

/* A socket that somebody in the container has open. */
struct seen {
	uint32_t inode;
	pid_t pid;
	int fd, family;
	const char *hidden;	/* why it could not be asked what it is; NULL: it was */
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
	const struct tables *tables;
	bool uncut;		/* not even the packets of its own sockets are dropped */
	bool told_inet, told_unix;	/* sock_diag says of each socket what there is to say */
	bool entered;		/* the network namespace was looked for */
	int netns, diag;
	const char *no_diag;	/* what was refused, and with which error */
	int no_diag_code;
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

/* Looks at what was noted in the tables: s->sockets, and findings about all else. */
void scan_open(struct scan *s);

/* Whether the socket with this inode is open in the group. */
bool scan_has(const struct scan *s, uint32_t inode);
