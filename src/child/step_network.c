/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The container's network: entered, and its loopback.
 */
#include "child/network.h"

#include <linux/sched.h>

int network_enter(struct child *c)
{
	int fd, word;
	long error;

	if (!child_flag(c, CHILD_NETWORK_APART) || c->in_network)
		return 0;
	word = child_receive(c, &fd);
	if (word != PARENT_NETWORK || fd < 0)
		return word < 0 ? word : -CHILD_E_PROTOCOL;
	error = SYS(setns, fd, CLONE_NEWNET);
	sys_close(fd);
	c->in_network = error >= 0;
	return (int)error;
}

int step_network(struct child *c)
{
	return network_enter(c);
}

/* A network of one's own begins with a loopback that is down; every runtime brings it up. */
int step_loopback(struct child *c)
{
	struct {
		char name[16];
		short flags;
		char rest[22];
	} request = { .name = "lo", .flags = 1 /* IFF_UP */ };
	int fd;
	long error;

	if (!child_flag(c, CHILD_NEW_NETWORK))
		return 0;
	fd = (int)SYS(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd == -EAFNOSUPPORT ? 0 : fd;	/* no IPv4, no loopback address */
	error = SYS(ioctl, fd, 0x8914 /* SIOCSIFFLAGS */, &request);
	return (int)error;		/* step_pivot closes it */
}
