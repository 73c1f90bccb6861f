/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rtnetlink.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "orlop/auto.h"

enum { ANSWER_ROOM = 64 * 1024 };

static int open_here(struct err *e)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? err_sys(e, "routing socket") : fd;
}

int rtnetlink_open(int ns, struct err *e)
{
	auto_fd int own = ns < 0 ? -1 : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_fd int fd = -1;

	if (ns < 0)
		return open_here(e);
	if (own < 0 || setns(ns, CLONE_NEWNET) < 0)
		return err_sys(e, "enter the container's network namespace");
	fd = open_here(e);
	if (setns(own, CLONE_NEWNET) < 0)
		return err_sys(e, "go back to the own network namespace");
	return take_fd(&fd);
}

void rtnetlink_begin(struct rtnetlink_request *r, int type, int flags, const void *fixed,
		     size_t len)
{
	static unsigned sequence;

	memset(r, 0, sizeof(*r));
	r->head.nlmsg_type = (unsigned short)type;
	r->head.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags);
	r->head.nlmsg_seq = ++sequence;
	r->head.nlmsg_len = (unsigned)NLMSG_LENGTH(len);
	BUG_ON(NLMSG_LENGTH(len) > sizeof(*r));
	memcpy(NLMSG_DATA(&r->head), fixed, len);
}

void rtnetlink_put(struct rtnetlink_request *r, int type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(r->head.nlmsg_len);
	struct rtattr attr = { (unsigned short)RTA_LENGTH(len), (unsigned short)type };

	BUG_ON(at + RTA_SPACE(len) > sizeof(*r));
	memcpy((char *)r + at, &attr, sizeof(attr));
	memcpy((char *)r + at + RTA_LENGTH(0), data, len);
	r->head.nlmsg_len = (unsigned)(at + RTA_LENGTH(len));
}

/* One datagram of the answer. 1 when it was the last; 0; -1 and errno. */
static int take_answer(const char *bytes, size_t len, unsigned sequence,
		       void (*each)(const struct nlmsghdr *m, void *argument), void *argument)
{
	bool changed = false;

	/* By hand, because NLMSG_NEXT and RTA_NEXT cast const away. */
	while (NLMSG_OK((const struct nlmsghdr *)(const void *)bytes, len)) {
		const struct nlmsghdr *m = (const void *)bytes;
		size_t step = NLMSG_ALIGN(m->nlmsg_len) < len ? NLMSG_ALIGN(m->nlmsg_len) : len;

		bytes += step;
		len -= step;
		if (m->nlmsg_seq != sequence)
			continue;
		changed = changed || (m->nlmsg_flags & NLM_F_DUMP_INTR);
		if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR) {
			/* Both begin with an error number; the end of a dump may lack it. */
			int error = 0;

			if (m->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
				memcpy(&error, rtnetlink_body(m), sizeof(error));
			errno = error < 0 ? -error : changed ? EINTR : 0;
			return errno ? -1 : 1;
		}
		if (each)
			each(m, argument);
	}
	errno = EINTR;
	return changed ? -1 : 0;
}

int rtnetlink_call(int socket, struct rtnetlink_request *r,
		   void (*each)(const struct nlmsghdr *m, void *argument), void *argument)
{
	static _Alignas(struct nlmsghdr) char answer[ANSWER_ROOM];
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int done = 0;

	r->head.nlmsg_flags |= NLM_F_ACK;
	if (sendto(socket, r, r->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -1;
	while (done == 0) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(socket, answer, sizeof(answer), MSG_TRUNC,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if ((size_t)n > sizeof(answer)) {
			errno = EMSGSIZE;
			return -1;
		}
		if (from.nl_pid == 0)		/* others may send here as well */
			done = take_answer(answer, (size_t)n, r->head.nlmsg_seq, each, argument);
	}
	return done < 0 ? -1 : 0;
}

const struct rtattr *rtnetlink_find(const struct nlmsghdr *m, size_t fixed, int type, size_t size)
{
	const char *body = rtnetlink_body(m);
	size_t len = m->nlmsg_len;

	if (len < NLMSG_SPACE(fixed))
		return NULL;
	len -= NLMSG_SPACE(fixed);
	body += NLMSG_ALIGN(fixed);
	for (const struct rtattr *a = (const void *)body; RTA_OK(a, len); a = (const void *)body) {
		if ((a->rta_type & NLA_TYPE_MASK) == type && RTA_PAYLOAD(a) >= size)
			return a;
		size_t step = RTA_ALIGN(a->rta_len) < len ? RTA_ALIGN(a->rta_len) : len;

		body += step;
		len -= step;
	}
	return NULL;
}
