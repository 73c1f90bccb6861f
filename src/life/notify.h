/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) for containers: a socket of ours in the container, whose "READY=1" is passed on to
 * the service manager that called us, with the container's process as the main one. Nothing else
 * of what the container says gets through.
 */
#pragma once

#include <sys/types.h>

#include "orlop/err.h"

struct notify {
	int socket;		/* ours, in the container's directory; -1: none */
	const char *target;	/* the manager's */
};

#define NOTIFY_NONE ((struct notify){ .socket = -1 })

/* The directory that the container gets at /run/notify. */
extern const char notify_directory[];

/* NOTIFY_SOCKET of our environment, or NULL. */
const char *notify_wanted(void);

/* Makes the directory, when there is a NOTIFY_SOCKET. */
int notify_prepare(int dir, struct err *e) __attribute__((warn_unused_result));

/* Binds the socket, when there is a NOTIFY_SOCKET and the container was made with one. */
int notify_begin(struct notify *n, int dir, struct err *e) __attribute__((warn_unused_result));

/*
 * Takes one message off the socket and passes it on if it says that the container is ready; then
 * the socket is closed. -1 only when the manager cannot be told.
 */
int notify_take(struct notify *n, pid_t pid, struct err *e) __attribute__((warn_unused_result));

/* Waits until the container was ready or its process ended, and closes the socket. */
int notify_wait(struct notify *n, pid_t pid, int pidfd, struct err *e)
	__attribute__((warn_unused_result));

/* Closes the socket. */
void notify_end(struct notify *n);
