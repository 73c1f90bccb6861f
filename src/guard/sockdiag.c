/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Requests and answers of sock_diag(7). An answer is believed as far as its lengths
 * go and no further.
 */
#include "guard/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "orlop/auto.h"

enum { ANSWER_SIZE = 32768, ATTRIBUTE_CGROUP = 21, PATIENCE_MS = 500 };

/* TCP_CLOSE and TCP_LISTEN of net/tcp_states.h; UDP that is not connected is closed. */
enum { STATE_CLOSE = 7, STATE_LISTEN = 10 };

_Static_assert(sizeof(((struct sockdiag_inet *)0)->id) == sizeof(struct inet_diag_sockid),
	       "an id is kept as it came");

int sockdiag_open(void)
{
	struct timeval limit = { .tv_usec = PATIENCE_MS * 1000 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static int ask(int diag, int type, int flags, const void *request, size_t len)
{
	struct {
		struct nlmsghdr header;
		char body[128];
	} m = { .header = { .nlmsg_len = NLMSG_LENGTH((uint32_t)len), .nlmsg_type = (uint16_t)type,
			    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) } };

	memcpy(m.body, request, len);
	return send(diag, &m, m.header.nlmsg_len, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Calls `each` for every message of an answer, up to the end of a dump or an acknowledgement. */
static int answers(int diag, void (*each)(const void *body, size_t len, void *argument),
		   void *argument)
{
	_Alignas(struct nlmsghdr) char bytes[ANSWER_SIZE];

	for (;;) {
		ssize_t n = recv(diag, bytes, sizeof(bytes), 0);
		struct nlmsghdr *m = (void *)bytes;
		unsigned left = (unsigned)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		for (; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			const struct nlmsgerr *error = NLMSG_DATA(m);

			if (m->nlmsg_type == NLMSG_DONE)
				return 0;
			if (m->nlmsg_type == NLMSG_ERROR) {
				bool whole = m->nlmsg_len >= NLMSG_LENGTH(sizeof(*error));

				errno = whole ? -error->error : EPROTO;
				return errno ? -1 : 0;
			}
			if (each)
				each(NLMSG_DATA(m), NLMSG_PAYLOAD(m, 0), argument);
		}
	}
}

/* The content of the first attribute of a type, and its length; NULL without one. */
static const char *attribute_find(const void *body, size_t len, size_t fixed, unsigned type,
				  size_t *ret_len)
{
	size_t at = NLMSG_ALIGN(fixed);

	while (at + sizeof(struct rtattr) <= len) {
		struct rtattr head;

		memcpy(&head, (const char *)body + at, sizeof(head));
		if (head.rta_len < sizeof(head) || head.rta_len > len - at)
			return NULL;
		if (head.rta_type == type) {
			*ret_len = head.rta_len - RTA_LENGTH(0);
			return (const char *)body + at + RTA_LENGTH(0);
		}
		at += RTA_ALIGN(head.rta_len);
	}
	return NULL;
}

/* Copies the attribute of a type; false where there is none, or less than `size` bytes of it. */
static bool attribute(const void *body, size_t len, size_t fixed, unsigned type, void *to,
		      size_t size)
{
	size_t has;
	const char *content = attribute_find(body, len, fixed, type, &has);

	if (!content || has < size)
		return false;
	memcpy(to, content, size);
	return true;
}

static void *grown(struct arena *a, void *items, size_t count, size_t size)
{
	void *more;

	/* Room doubles whenever the count is a power of two. */
	if (count & (count - 1))
		return items;
	more = arena_array(a, count ? count * 2 : 1, size);
	if (count)
		memcpy(more, items, count * size);
	return more;
}

struct inets {
	struct arena *arena;
	struct sockdiag_inets list;
	uint8_t protocol;
};

/* As much of it as there was when Linux 5.14 came. */
static void take_tcp(const void *body, size_t len, struct sockdiag_inet *found)
{
	struct tcp_info info = { 0 };

	if (!attribute(body, len, sizeof(struct inet_diag_msg), INET_DIAG_INFO, &info,
		       offsetof(struct tcp_info, tcpi_segs_out)))
		return;
	found->sent = info.tcpi_bytes_acked;
	found->received = info.tcpi_bytes_received;
	found->last_sent_ms = info.tcpi_last_data_sent;
	found->last_received_ms = info.tcpi_last_data_recv;
	found->rtt_us = info.tcpi_rtt;
	found->retransmits = info.tcpi_total_retrans;
}

static void take_inet(const void *body, size_t len, void *argument)
{
	struct inets *all = argument;
	const struct inet_diag_msg *m = body;
	struct sockdiag_inet found = { .protocol = all->protocol };

	if (len < sizeof(*m))
		return;
	found.inode = m->idiag_inode;
	found.family = m->idiag_family;
	found.state = m->idiag_state;
	memcpy(found.id, &m->id, sizeof(found.id));
	found.uid = m->idiag_uid;
	found.unread = m->idiag_rqueue;
	found.unsent = m->idiag_wqueue;
	take_tcp(body, len, &found);
	attribute(body, len, sizeof(*m), ATTRIBUTE_CGROUP, &found.cgroup, sizeof(found.cgroup));
	all->list.items = grown(all->arena, all->list.items, all->list.count, sizeof(found));
	all->list.items[all->list.count++] = found;
}

static const uint8_t families[] = { AF_INET, AF_INET6 };

/* Adds the sockets of one table that are in one of these states. */
static int take_table(struct inets *all, int diag, uint8_t family, uint8_t protocol,
		      uint32_t states)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = family, .sdiag_protocol = protocol, .idiag_states = states,
		.idiag_ext = 1 << (INET_DIAG_INFO - 1),
	};

	all->protocol = protocol;
	if (ask(diag, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request)) == 0 &&
	    answers(diag, take_inet, all) == 0)
		return 0;
	if (errno != ENOENT && errno != EAFNOSUPPORT)
		return -1;
	/* A kernel without IPv6 has none to tell of. */
	all->list.lacking |= family == AF_INET;
	return 0;
}

int sockdiag_inet(int diag, unsigned without, struct arena *a, struct sockdiag_inets *ret)
{
	struct inets all = { .arena = a };

	for (size_t f = 0; f < ARRAY_LEN(families); f++) {
		if (!(without & 1u << f) &&
		    take_table(&all, diag, families[f], IPPROTO_TCP, UINT32_MAX) < 0)
			return -1;
		if (take_table(&all, diag, families[f], IPPROTO_UDP, UINT32_MAX) < 0)
			return -1;
	}
	*ret = all.list;
	return 0;
}

int sockdiag_listening(int diag, struct arena *a, struct sockdiag_inets *ret)
{
	struct inets all = { .arena = a };

	/* With this state alone the kernel leaves out the table of connections, which is large. */
	for (size_t f = 0; f < ARRAY_LEN(families); f++)
		if (take_table(&all, diag, families[f], IPPROTO_TCP, 1u << STATE_LISTEN) < 0 ||
		    take_table(&all, diag, families[f], IPPROTO_UDP, 1u << STATE_CLOSE) < 0)
			return -1;
	*ret = all.list;
	return 0;
}

void sockdiag_here(const struct sockdiag_inet *socket, char address[SOCKDIAG_TEXT],
		   uint16_t *ret_port)
{
	struct inet_diag_sockid id;

	memcpy(&id, socket->id, sizeof(id));
	if (!inet_ntop(socket->family, id.idiag_src, address, SOCKDIAG_TEXT))
		snprintf(address, SOCKDIAG_TEXT, "?");
	*ret_port = ntohs(id.idiag_sport);
}

static void text_of(uint8_t family, const uint32_t address[4], uint16_t port, char *text)
{
	char name[INET6_ADDRSTRLEN] = "?";

	inet_ntop(family, address, name, sizeof(name));
	snprintf(text, SOCKDIAG_TEXT, family == AF_INET6 ? "[%s]:%u" : "%s:%u", name, ntohs(port));
}

void sockdiag_text(const struct sockdiag_inet *socket, char here[SOCKDIAG_TEXT],
		   char there[SOCKDIAG_TEXT])
{
	struct inet_diag_sockid id;

	memcpy(&id, socket->id, sizeof(id));
	text_of(socket->family, id.idiag_src, id.idiag_sport, here);
	text_of(socket->family, id.idiag_dst, id.idiag_dport, there);
}

struct unixes {
	struct arena *arena;
	struct sockdiag_unixes list;
};

static void take_unix(const void *body, size_t len, void *argument)
{
	struct unixes *all = argument;
	const struct unix_diag_msg *m = body;
	struct sockdiag_unix found = { .inode = 0 };

	if (len < sizeof(*m))
		return;
	found.inode = m->udiag_ino;
	attribute(body, len, sizeof(*m), UNIX_DIAG_PEER, &found.peer, sizeof(found.peer));
	all->list.items = grown(all->arena, all->list.items, all->list.count, sizeof(found));
	all->list.items[all->list.count++] = found;
}

int sockdiag_unix(int diag, struct arena *a, struct sockdiag_unixes *ret)
{
	struct unix_diag_req request = {
		.sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX, .udiag_show = UDIAG_SHOW_PEER,
	};
	struct unixes all = { .arena = a };

	if (ask(diag, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request)) < 0 ||
	    answers(diag, take_unix, &all) < 0)
		return -1;
	*ret = all.list;
	return 0;
}

struct doors {
	struct arena *arena;
	struct sockdiag_doors list;
};

/* The first byte of an abstract one is shown as "@", others that are NUL as "?". */
static const char *door_name(const char *bytes, size_t len, struct arena *a)
{
	char *name = arena_strndup(a, bytes, len);

	while (len && !name[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!name[i])
			name[i] = i == 0 ? '@' : '?';
	return name;
}

static void take_door(const void *body, size_t len, void *argument)
{
	struct doors *all = argument;
	const struct unix_diag_msg *m = body;
	struct sockdiag_door found = { .inode = 0 };
	struct unix_diag_vfs file = { 0 };
	const char *name;
	size_t name_len;

	if (len < sizeof(*m) || (m->udiag_state != STATE_LISTEN && m->udiag_type != SOCK_DGRAM))
		return;
	name = attribute_find(body, len, sizeof(*m), UNIX_DIAG_NAME, &name_len);
	if (!name || !name_len)
		return;
	found.inode = m->udiag_ino;
	found.abstract = !name[0];
	found.name = door_name(name, name_len, all->arena);
	if (!found.abstract &&
	    !attribute(body, len, sizeof(*m), UNIX_DIAG_VFS, &file, sizeof(file)))
		return;			/* without a file nobody comes in */
	/* The kernel's own form of a device number: 12 bits and 20. */
	found.major = file.udiag_vfs_dev >> 20;
	found.minor = file.udiag_vfs_dev & 0xfffff;
	all->list.items = grown(all->arena, all->list.items, all->list.count, sizeof(found));
	all->list.items[all->list.count++] = found;
}

int sockdiag_doors(int diag, struct arena *a, struct sockdiag_doors *ret)
{
	struct unix_diag_req request = {
		.sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS,
	};
	struct doors all = { .arena = a };

	if (ask(diag, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request)) < 0 ||
	    answers(diag, take_door, &all) < 0)
		return -1;
	*ret = all.list;
	return 0;
}

int sockdiag_destroy(int diag, const struct sockdiag_inet *socket)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = socket->family, .sdiag_protocol = socket->protocol,
		.idiag_states = UINT32_MAX,
	};

	memcpy(&request.id, socket->id, sizeof(request.id));
	if (ask(diag, SOCK_DESTROY, NLM_F_ACK, &request, sizeof(request)) < 0)
		return -1;
	return answers(diag, NULL, NULL);
}
