/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_ns.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "orlop/auto.h"

/*
 * A socket of the namespace names it (SIOCGSKNS, Linux 4.9) and brings its loopback up; unix sockets
 * are in every kernel, and both requests are the same for all families.
 */
static void *make(void *argument)
{
	struct network_ns *n = argument;
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	auto_fd int socket_in_it = -1;

	if (unshare(CLONE_NEWNET) == 0)
		socket_in_it = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (socket_in_it >= 0)
		n->fd = ioctl(socket_in_it, SIOCGSKNS);
	if (n->fd < 0)
		n->error = errno;
	sem_post(&n->made);
	if (!n->error && ioctl(socket_in_it, SIOCSIFFLAGS, &lo) < 0)
		n->loopback_error = errno;
	return NULL;
}

void network_ns_begin(struct network_ns *n)
{
	cpu_set_t others;

	*n = NETWORK_NS_NONE;
	if (!thread_others(&others) || !thread_finds_idle(&others))
		return;
	sem_init(&n->made, 0, 0);
	n->begun = thread_start(&n->thread, make, n, &others);
}

int network_ns_take(struct network_ns *n, struct err *e)
{
	while (sem_wait(&n->made) < 0)
		;
	if (n->error) {
		err_sys_code(e, n->error, "new network namespace");
		return n->error == ENOSPC ? err_hint(e, "the limit on namespaces was reached: see "
							"/proc/sys/user") : -1;
	}
	return take_fd(&n->fd);
}

static void join(struct network_ns *n)
{
	if (!n->begun)
		return;
	pthread_join(n->thread, NULL);
	n->begun = false;
	sem_destroy(&n->made);
}

int network_ns_finish(struct network_ns *n, struct err *e)
{
	join(n);
	if (n->loopback_error)
		return err_sys_code(e, n->loopback_error, "loopback interface");
	return 0;
}

void network_ns_end(struct network_ns *n)
{
	join(n);
	auto_close_fd(&n->fd);
}
