/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A connection to a D-Bus peer: a message bus, or a service that listens itself.
 * Everything has a deadline, because the peer may hang; what it says is believed only as far as
 * base/dbus.h could read it. Knows nothing of systemd.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/dbus.h"
#include "orlop/arena.h"
#include "orlop/err.h"

struct bus {
	int fd;
	bool broker;		/* a message bus: calls need a destination */
	uint32_t serial;	/* of the last call */
	struct arena *arena;	/* of what is sent and received */
	const char *path;	/* for messages */
};

#define BUS_NONE ((struct bus){ .fd = -1 })

/*
 * Connects to the unix socket (a leading '@': abstract) and authenticates as the user of this
 * process, until `end` (fd_now_ms) at the latest; with `broker`, says hello. 0 or -1, ERR_SYSTEM
 * with ETIMEDOUT where nobody answered in time.
 */
int bus_open(const char *path, bool broker, int64_t end, struct arena *a, struct bus *ret,
	     struct err *e) __attribute__((warn_unused_result));

/* Closes it. Accepts BUS_NONE. */
void bus_close(struct bus *b);

#define auto_bus __attribute__((cleanup(bus_close))) struct bus

/* Sends a call, whose serial is given by the connection. */
int bus_send(struct bus *b, struct dbus_call call, const struct text *body, int64_t end,
	     struct err *e) __attribute__((warn_unused_result));

/* Receives the next message, whatever it is. 0; -1, with ETIMEDOUT when none came. */
int bus_receive(struct bus *b, int64_t end, struct dbus_message *ret, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Calls and waits for the answer, *ret, which may be a DBUS_ERROR; signals that come meanwhile
 * are dropped.
 */
int bus_call(struct bus *b, struct dbus_call call, const struct text *body, int64_t end,
	     struct dbus_message *ret, struct err *e) __attribute__((warn_unused_result));

/* The text of an error message, for people: never NULL, cut, without control bytes. */
const char *bus_error_text(const struct dbus_message *m, struct arena *a);
