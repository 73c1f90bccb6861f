/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/rtnetlink.h"
#include "orlop/auto.h"

#ifndef IFLA_NEW_IFINDEX
#define IFLA_NEW_IFINDEX 49	/* Linux 4.15; for moves since 5.13 */
#endif

enum {
	ADDRESSES_MAX = 512,
	ADDRESS_ROOM = 16,		/* of IPv6 */
	INDEX_TRIES = 4096,
	DUMP_TRIES = 16,
};

struct address {
	struct ifaddrmsg head;
	struct {
		size_t len;
		unsigned char bytes[ADDRESS_ROOM];
	} local, peer, broadcast;
	uint32_t flags, metric;
};

struct netdev_move {
	const char *host_name;
	int host_index, index;
	unsigned flags;			/* IFF_*, as on the host */
	struct address *addresses;
	size_t address_count;
};

struct link {
	int index;
	unsigned flags;
};

static void take_link(const struct nlmsghdr *m, void *argument)
{
	const struct ifinfomsg *info = rtnetlink_body(m);
	struct link *link = argument;

	if (m->nlmsg_type != RTM_NEWLINK || m->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return;
	link->index = info->ifi_index;
	link->flags = info->ifi_flags;
}

/* The device of a name, or of a number when there is no name. 0; -1 and errno (ENODEV). */
static int find_link(int socket, const char *name, int index, struct link *ret)
{
	uint32_t mask = RTEXT_FILTER_SKIP_STATS;
	struct ifinfomsg info = { .ifi_index = index };
	struct rtnetlink_request r;

	rtnetlink_begin(&r, RTM_GETLINK, 0, &info, sizeof(info));
	if (name)
		rtnetlink_put(&r, IFLA_IFNAME, name, strlen(name) + 1);
	rtnetlink_put(&r, IFLA_EXT_MASK, &mask, sizeof(mask));
	*ret = (struct link){ 0 };
	if (rtnetlink_call(socket, &r, take_link, ret) < 0)
		return -1;
	errno = ENODEV;
	return ret->index > 0 ? 0 : -1;
}

struct dump {
	int index;
	struct address *items;
	size_t count;
};

static size_t copy_attribute(const struct nlmsghdr *m, int type, unsigned char *to, size_t room)
{
	const struct rtattr *attr = rtnetlink_find(m, sizeof(struct ifaddrmsg), type, 1);
	size_t len = attr ? RTA_PAYLOAD(attr) : 0;

	if (len > room)
		return 0;
	if (len)
		memcpy(to, rtnetlink_value(attr), len);
	return len;
}

static uint32_t number_attribute(const struct nlmsghdr *m, int type, uint32_t otherwise)
{
	const struct rtattr *attr = rtnetlink_find(m, sizeof(struct ifaddrmsg), type, 4);

	if (attr)
		memcpy(&otherwise, rtnetlink_value(attr), sizeof(otherwise));
	return otherwise;
}

/*
 * Kept is what somebody configured to stay: permanent and of global scope. The kernel makes the
 * others itself, or they are a lease of the host's.
 */
static void take_address(const struct nlmsghdr *m, void *argument)
{
	const struct ifaddrmsg *head = rtnetlink_body(m);
	struct dump *d = argument;
	struct address *a = &d->items[d->count < ADDRESSES_MAX ? d->count : ADDRESSES_MAX];
	/* How it was asked for; the other flags are states that it came into. */
	const uint32_t kept = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR |
			      IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;
	uint32_t flags;

	if (m->nlmsg_type != RTM_NEWADDR || m->nlmsg_len < NLMSG_LENGTH(sizeof(*head)) ||
	    (int)head->ifa_index != d->index)
		return;
	flags = number_attribute(m, IFA_FLAGS, head->ifa_flags);
	if (!(flags & IFA_F_PERMANENT) || head->ifa_scope != RT_SCOPE_UNIVERSE)
		return;
	*a = (struct address){ .head = *head, .flags = flags & kept };
	a->local.len = copy_attribute(m, IFA_LOCAL, a->local.bytes, ADDRESS_ROOM);
	a->peer.len = copy_attribute(m, IFA_ADDRESS, a->peer.bytes, ADDRESS_ROOM);
	a->broadcast.len = copy_attribute(m, IFA_BROADCAST, a->broadcast.bytes, ADDRESS_ROOM);
	a->metric = number_attribute(m, IFA_RT_PRIORITY, 0);
	d->count++;
}

static int read_addresses(int socket, struct netdev_move *move, struct arena *a)
{
	/* One more than may be used: there the dump goes on when there are too many. */
	struct dump d = { .index = move->host_index,
			  .items = arena_new_array(a, struct address, ADDRESSES_MAX + 1) };
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC };
	struct rtnetlink_request r;
	int result = -1;

	errno = EINTR;
	for (int n = 0; n < DUMP_TRIES && result < 0 && errno == EINTR; n++) {
		d.count = 0;
		rtnetlink_begin(&r, RTM_GETADDR, NLM_F_DUMP, &head, sizeof(head));
		result = rtnetlink_call(socket, &r, take_address, &d);
	}
	move->addresses = d.items;
	move->address_count = d.count;
	if (result == 0 && d.count > ADDRESSES_MAX) {
		errno = E2BIG;
		return -1;
	}
	return result;
}

static int add_address(int socket, const struct address *a, int index)
{
	struct ifaddrmsg head = a->head;
	struct rtnetlink_request r;

	head.ifa_index = (unsigned)index;
	head.ifa_flags = (unsigned char)a->flags;
	rtnetlink_begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	if (a->local.len)
		rtnetlink_put(&r, IFA_LOCAL, a->local.bytes, a->local.len);
	if (a->peer.len)
		rtnetlink_put(&r, IFA_ADDRESS, a->peer.bytes, a->peer.len);
	if (a->broadcast.len)
		rtnetlink_put(&r, IFA_BROADCAST, a->broadcast.bytes, a->broadcast.len);
	rtnetlink_put(&r, IFA_FLAGS, &a->flags, sizeof(a->flags));
	if (a->metric)
		rtnetlink_put(&r, IFA_RT_PRIORITY, &a->metric, sizeof(a->metric));
	return rtnetlink_call(socket, &r, NULL, NULL);
}

/* What the move took away. An address that is there already is as good as added. */
static int restore_addresses(int socket, const struct netdev_move *move, int index)
{
	for (size_t n = 0; n < move->address_count; n++)
		if (add_address(socket, &move->addresses[n], index) < 0 && errno != EEXIST)
			return -1;
	return 0;
}

static int set_up(int socket, int index)
{
	struct ifinfomsg info = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct rtnetlink_request r;

	rtnetlink_begin(&r, RTM_NEWLINK, 0, &info, sizeof(info));
	return rtnetlink_call(socket, &r, NULL, NULL);
}

/* Moves and renames in one request, so that the old name need not be free over there. */
static int move_link(int socket, int index, int ns, const char *name, int new_index)
{
	struct ifinfomsg info = { .ifi_index = index };
	uint32_t fd = (uint32_t)ns;
	struct rtnetlink_request r;

	rtnetlink_begin(&r, RTM_NEWLINK, 0, &info, sizeof(info));
	rtnetlink_put(&r, IFLA_NET_NS_FD, &fd, sizeof(fd));
	rtnetlink_put(&r, IFLA_IFNAME, name, strlen(name) + 1);
	rtnetlink_put(&r, IFLA_NEW_IFINDEX, &new_index, sizeof(new_index));
	return rtnetlink_call(socket, &r, NULL, NULL);
}

/*
 * The number that it will have there: its own where that is free. It is chosen by us, because the
 * kernel tells neither the number nor the name that it chose for "eth%d".
 */
static int free_index(int socket, int wanted)
{
	struct link link;

	for (int n = 0; n < INDEX_TRIES; n++) {
		if (find_link(socket, NULL, wanted + n, &link) < 0)
			return errno == ENODEV ? wanted + n : -1;
	}
	errno = EBUSY;
	return -1;
}

/*
 * That the name is free is asked before: the kernel renames after it has moved. A pattern finds a
 * free name by itself.
 */
static int check_name(int there, const char *name, struct err *e)
{
	struct link link;

	if (strchr(name, '%'))
		return 0;
	if (find_link(there, name, 0, &link) == 0)
		return err_sys_code(e, EEXIST, "interface %s of the container", name);
	return errno == ENODEV ? 0 : err_sys(e, "interface %s of the container", name);
}

static int move_one(int here, int there, int ns, const struct oci_net_device *device,
		    struct arena *a, struct netdev_moves *moves, struct err *e)
{
	const char *name = device->name ? device->name : device->host_name;
	struct netdev_move *move = &moves->items[moves->count];
	struct link link;

	*move = (struct netdev_move){ .host_name = device->host_name };
	if (find_link(here, device->host_name, 0, &link) < 0)
		return err_sys(e, "link not found for interface %s on runtime namespace",
			       device->host_name);
	move->host_index = link.index;
	move->flags = link.flags;
	if (read_addresses(here, move, a) < 0)
		return err_sys(e, "addresses");
	if (check_name(there, name, e) < 0)
		return -1;
	move->index = free_index(there, link.index);
	if (move->index < 0)
		return err_sys(e, "number in the container's network namespace");
	if (move_link(here, link.index, ns, name, move->index) < 0) {
		int code = errno;

		/* It may have been moved and not renamed. */
		if (find_link(there, NULL, move->index, &link) == 0)
			moves->count++;
		return err_sys_code(e, code, "move to the container's network namespace as %s",
				    name);
	}
	moves->count++;
	if (restore_addresses(there, move, move->index) < 0)
		return err_sys(e, "give it its addresses again");
	if (set_up(there, move->index) < 0)
		return err_sys(e, "set it up");
	return 0;
}

/* A device cannot be moved to where it is, and a container in the host's network has them all. */
static int check_other(int ns, struct err *e)
{
	struct stat own, other;

	if (stat("/proc/self/ns/net", &own) < 0 || fstat(ns, &other) < 0)
		return err_sys(e, "network namespace");
	if (own.st_ino == other.st_ino && own.st_dev == other.st_dev)
		return err_set(e, ERR_CONFIG,
			       "the container's network namespace is the runtime's own");
	return 0;
}

int netdev_move_all(const struct plan *plan, int ns, struct arena *a, struct netdev_moves *ret,
		    struct err *e)
{
	auto_fd int here = -1, there = -1;

	*ret = (struct netdev_moves){
		.ns = ns,
		.items = arena_new_array(a, struct netdev_move, plan->net_devices.count),
	};
	if (check_other(ns, e) < 0)
		return err_in(e, "linux.netDevices");
	here = rtnetlink_open(-1, e);
	there = here < 0 ? -1 : rtnetlink_open(ns, e);
	if (there < 0)
		return err_in(e, "linux.netDevices");
	for (size_t n = 0; n < plan->net_devices.count; n++) {
		const struct oci_net_device *device = &plan->net_devices.items[n];

		if (move_one(here, there, ns, device, a, ret, e) < 0)
			return err_in(e, "linux.netDevices %s", device->host_name);
	}
	return 0;
}

static int move_one_back(int here, int there, int ns, const struct netdev_move *move)
{
	if (move_link(there, move->index, ns, move->host_name, move->host_index) < 0 ||
	    restore_addresses(here, move, move->host_index) < 0)
		return -1;
	return move->flags & IFF_UP ? set_up(here, move->host_index) : 0;
}

void netdev_move_back(struct netdev_moves *moves, void (*warn)(const char *text))
{
	struct err e = { 0 };
	auto_fd int here = moves->count ? rtnetlink_open(-1, &e) : -1;
	auto_fd int there = here < 0 ? -1 : rtnetlink_open(moves->ns, &e);
	auto_fd int ns = there < 0 ? -1 : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	while (moves->count > 0) {
		const struct netdev_move *move = &moves->items[--moves->count];

		if (ns >= 0 && move_one_back(here, there, ns, move) == 0)
			continue;
		err_sys(&e, "network device %s is not back on the host as it was",
			move->host_name);
		warn(e.text);
	}
	netdev_leave(moves);
}

void netdev_leave(struct netdev_moves *moves)
{
	auto_close_fd(&moves->ns);
	moves->count = 0;
}
