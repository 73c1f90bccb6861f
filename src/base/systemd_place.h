/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Where a systemd manager listens: its own socket first, which needs no message bus to
 * be alive, then the bus.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "orlop/arena.h"

struct systemd_place {
	const char *path;	/* of a unix socket; a leading '@': abstract */
	bool broker;		/* a message bus, of which systemd is one service */
};

enum { SYSTEMD_PLACES_MAX = 4 };

/*
 * The places of the system's manager, or of a user's own: below $XDG_RUNTIME_DIR and what
 * $DBUS_SESSION_BUS_ADDRESS names (`runtime` and `address`, each may be NULL). Returns how many.
 */
size_t systemd_places(bool user, const char *runtime, const char *address, struct arena *a,
		      struct systemd_place ret[SYSTEMD_PLACES_MAX]);
