/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Requests to the kernel's routing sockets, and what it answers. Knows the frame, not
 * what is in it. Requests have a fixed size, so have answers; nothing is allocated.
 */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>

#include "orlop/err.h"

struct rtnetlink_request {
	struct nlmsghdr head;
	char body[512];
};

/*
 * Opens a socket that speaks for a network namespace; -1 is that of this process, which enters
 * another one only for as long as the opening takes. A descriptor or -1.
 */
int rtnetlink_open(int ns, struct err *e) __attribute__((warn_unused_result));

/* Begins a request: RTM_*, NLM_F_*, and the struct that belongs to the type. */
void rtnetlink_begin(struct rtnetlink_request *r, int type, int flags, const void *fixed,
		     size_t len);

/* Appends an attribute; it is a mistake of ours when there is no room. */
void rtnetlink_put(struct rtnetlink_request *r, int type, const void *data, size_t len);

/*
 * Sends a request and hands each message of the answer to `each` (which may be NULL) until the
 * kernel has acknowledged it. 0; -1 and errno, which is the kernel's. EINTR: a dump was changed
 * while it was made, and has to be asked for again.
 */
int rtnetlink_call(int socket, struct rtnetlink_request *r,
		   void (*each)(const struct nlmsghdr *m, void *argument), void *argument)
	__attribute__((warn_unused_result));

/* What follows a message's header, and an attribute's: the kernel's macros cast const away. */
static inline const void *rtnetlink_body(const struct nlmsghdr *m)
{
	return (const char *)m + NLMSG_HDRLEN;
}

static inline const void *rtnetlink_value(const struct rtattr *attr)
{
	return (const char *)attr + RTA_LENGTH(0);
}

/* The attribute of this type behind the fixed part of a message, at least `size` bytes, or NULL. */
const struct rtattr *rtnetlink_find(const struct nlmsghdr *m, size_t fixed, int type, size_t size);
