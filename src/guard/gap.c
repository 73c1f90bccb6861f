/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. One program in the place of another under the name by which a quarantine knows its
 * own: whatever ends us, a repeated quarantine closes the gap, and a release takes it away.
 */
#include "guard/gap.h"

#include <string.h>

#include "guard/netarm.h"
#include "guard/netcut.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

/* The place where connections of unix sockets are refused (Linux 6.7). */
static size_t place(void)
{
	size_t i = 0;

	while (strcmp(netcut_hooks[i].name, "unix") != 0)
		i++;
	return i;
}

static const char *apply(const struct gap *g, enum netcut_kind kind, struct arena *a)
{
	struct netcut_hook hook = netcut_hooks[place()];
	struct guard_mechanism line = { .name = hook.name };
	auto_fd int program = -1;

	hook.kind = kind;
	program = netcut_load(&hook, NULL, 0, a, &line);
	if (program >= 0)
		netcut_attach(g->group, &hook, program, a, &line);
	return line.outcome == GUARD_APPLIED ? NULL :
	       arena_printf(a, "%s: %s", line.name, line.detail ? line.detail : "not applied");
}

const char *gap_open(struct gap *g, struct arena *a)
{
	auto_netarm arm = NETARM_NONE;
	const char *why;
	bool others;

	netarm_open(g->dir, &arm);
	if (netarm_cuts(&arm) && netarm_holds(&arm, g->group, place(), &others))
		return "the container's network was armed, and that cut has no opening for criu's "
		       "socket";
	if (netcut_present(g->group, &netcut_hooks[place()]) != 1)
		return NULL;
	why = apply(g, NETCUT_SEQPACKET, a);
	g->open = true;
	return why ? arena_printf(a, "no opening in the cut for criu's socket: %s", why) : NULL;
}

const char *gap_close(struct gap *g, struct arena *a)
{
	struct guard_mechanism line = { 0 };
	const char *why;

	if (!g->open)
		return NULL;
	g->open = false;
	why = apply(g, NETCUT_NOTHING, a);
	if (guard_holds_back(g->dir, g->id))
		return why ? arena_printf(a, "the cut of unix sockets is not what it was: %s; repeat "
					  "the quarantine", why) : NULL;
	/* Released meanwhile: then what we put there is nobody's. */
	netcut_undo(g->group, &netcut_hooks[place()], a, &line);
	if (line.outcome == GUARD_APPLIED)
		return NULL;
	return "a program of a quarantine that is over could not be taken away";
}
