/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The sockets of one network namespace, as sock_diag(7) tells them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"

/* An internet socket: by its inode, and by the cgroup that its packets are accounted to. */
struct sockdiag_inet {
	uint32_t inode;			/* 0: nobody has it open any more */
	uint64_t cgroup;
	uint8_t family, protocol, state;
	uint32_t id[12];		/* struct inet_diag_sockid, to name it to the kernel */
	uint32_t uid, unread, unsent;	/* of a listening one: who waits, and how many may */
	/* Of a TCP connection, 0 otherwise. */
	uint64_t sent, received;	/* bytes that the peer has confirmed, and that it sent */
	uint32_t last_sent_ms, last_received_ms, rtt_us, retransmits;
};

/* A unix socket and the one it is connected to; peer 0: none. */
struct sockdiag_unix {
	uint32_t inode, peer;
};

/* A unix socket that others may connect to, or send to: one that listens, or one of datagrams. */
struct sockdiag_door {
	uint32_t inode;
	bool abstract;			/* a name of its network namespace, no file */
	const char *name;		/* as it was bound; abstract ones begin with "@" */
	unsigned major, minor;		/* of the file system that its file is on */
};

struct sockdiag_inets {
	struct sockdiag_inet *items;
	size_t count;
	bool lacking;		/* of TCP or UDP nothing is told: no tcp_diag, or no udp_diag */
};

struct sockdiag_unixes {
	struct sockdiag_unix *items;
	size_t count;
};

struct sockdiag_doors {
	struct sockdiag_door *items;
	size_t count;
};

/* A socket for questions about the caller's present network namespace; -1 and errno. */
int sockdiag_open(void) __attribute__((warn_unused_result));

/* The two ends as text: "192.0.2.1:80", "[2001:db8::1]:80". */
enum { SOCKDIAG_TEXT = 64 };
void sockdiag_text(const struct sockdiag_inet *socket, char here[SOCKDIAG_TEXT],
		   char there[SOCKDIAG_TEXT]);

/*
 * All TCP and UDP sockets; -1 and errno. The kernel walks the table of all connections of the host
 * for each family of TCP: `without` are those that are known to have none.
 */
enum { SOCKDIAG_TCP4 = 1, SOCKDIAG_TCP6 = 2 };
int sockdiag_inet(int diag, unsigned without, struct arena *a, struct sockdiag_inets *ret)
	__attribute__((warn_unused_result));

/* Those of TCP that listen, and those of UDP that are bound and not connected; -1 and errno. */
int sockdiag_listening(int diag, struct arena *a, struct sockdiag_inets *ret)
	__attribute__((warn_unused_result));

/* Where a socket is at home: its address as text, without a bracket, and its port. */
void sockdiag_here(const struct sockdiag_inet *socket, char address[SOCKDIAG_TEXT],
		   uint16_t *ret_port);

/* All unix sockets; -1 and errno. */
int sockdiag_unix(int diag, struct arena *a, struct sockdiag_unixes *ret)
	__attribute__((warn_unused_result));

/* All unix sockets with a name that others may use; -1 and errno. */
int sockdiag_doors(int diag, struct arena *a, struct sockdiag_doors *ret)
	__attribute__((warn_unused_result));

/* Ends one connection, with what it has not sent yet; -1 and errno. */
int sockdiag_destroy(int diag, const struct sockdiag_inet *socket)
	__attribute__((warn_unused_result));
