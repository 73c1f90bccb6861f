/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. What is said of a socket follows from its family, from where it was made, and from who may
 * still use it; what the kernel told of it was asked before.
 */
#include "guard/scan_judge.h"

#include <sys/socket.h>

bool judge_is_own(const struct scan *s, uint64_t group)
{
	for (size_t i = 0; i < s->tables->group_count; i++)
		if (s->tables->groups[i] == group)
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

	if (inet && judge_is_own(s, inet->cgroup))
		return;
	/* Neither TCP nor UDP, or not bound: nothing is under way, and whose it is is not told. */
	if (!inet && !seen->elsewhere && s->told_inet) {
		if (scan_by_freeze(s) == GUARD_HELD_OPEN)
			scan_find(s, "inet-socket", seen->pid, seen->fd, by_cut(s, seen),
			     "not bound; whether it was made outside is not known");
		return;
	}
	if (!inet && !s->told_inet && !(seen->elsewhere && s->cookie)) {
		scan_find(s, "inet-socket", seen->pid, seen->fd, by_cut(s, seen),
		     "whether it was made outside is not known: see sock-diag");
		return;
	}
	if (seen->elsewhere)
		detail = "of another network namespace; whose packets these are is not known";
	scan_find(s, "foreign-socket", seen->pid, seen->fd, by_cut(s, seen), detail);
}

static void judge_unix(struct scan *s, const struct seen *seen,
		       const struct sockdiag_unixes *unixes)
{
	const char *detail = "whom it is connected to is not known: see sock-diag";

	for (size_t i = 0; i < unixes->count; i++) {
		const struct sockdiag_unix *u = &unixes->items[i];

		if (u->inode != seen->inode || !u->peer || scan_has(s, u->peer))
			continue;
		scan_find(s, "unix-socket", seen->pid, seen->fd, scan_by_freeze(s),
		     "connected to a process outside");
	}
	if (seen->elsewhere && s->cookie)
		detail = "made in another network namespace; whom it is connected to is not known";
	if (seen->elsewhere || !s->told_unix)
		scan_find(s, "unix-socket", seen->pid, seen->fd, scan_by_freeze(s), detail);
}

static void judge_packet(struct scan *s, const struct seen *seen)
{
	const char *detail = "sends frames that programs on a cgroup do not see";
	enum guard_held held = scan_by_freeze(s);

	if (seen->bypass)
		detail = "goes around the queues of the interface";
	scan_find(s, "packet-socket", seen->pid, seen->fd,
	     held == GUARD_HELD_FROZEN ? held : by_cut(s, seen), detail);
}

/* What sock_diag lists is of the container's own network namespace. */
static int family_listed(const struct seen *seen, const struct sockdiag_inets *inets,
			 const struct sockdiag_unixes *unixes)
{
	const struct sockdiag_inet *inet = inet_of(inets, seen->inode);

	if (inet)
		return inet->family;
	for (size_t i = 0; i < unixes->count; i++)
		if (unixes->items[i].inode == seen->inode)
			return AF_UNIX;
	return -1;
}

void judge_hidden(struct seen *seen, const struct sockdiag_inets *inets,
		  const struct sockdiag_unixes *unixes)
{
	int family = seen->hidden ? family_listed(seen, inets, unixes) : -1;

	if (family < 0)
		return;
	seen->family = family;
	seen->elsewhere = false;
	seen->hidden = NULL;
}

void judge_socket(struct scan *s, const struct seen *seen, const struct sockdiag_inets *inets,
		  const struct sockdiag_unixes *unixes)
{
	if (seen->hidden) {
		scan_find(s, "socket", seen->pid, seen->fd, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "cannot be looked at: %s: orlop needs pidfd_open, "
				  "pidfd_getfd and CAP_SYS_PTRACE", seen->hidden));
		return;
	}
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
			scan_find(s, "netlink-socket", seen->pid, seen->fd, scan_by_freeze(s),
			     "speaks with another network namespace");
		break;
	case AF_VSOCK:
		scan_find(s, "vsock", seen->pid, seen->fd, GUARD_HELD_OPEN,
		     "leads to the hypervisor; the kernel may still send what it was given");
		break;
	case AF_XDP:
		scan_find(s, "xdp-socket", seen->pid, seen->fd, GUARD_HELD_OPEN,
		     "shares its queue with the interface; nothing here stops that");
		break;
	default:
		scan_find(s, "socket", seen->pid, seen->fd, GUARD_HELD_OPEN,
		     arena_printf(s->arena, "family %d, of which nothing is known", seen->family));
		break;
	}
}

bool judge_needs_interfaces(const struct scan *s, const struct seen *seen,
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
	return inet ? !judge_is_own(s, inet->cgroup) : !s->told_inet;
}

