/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop watch: what create executes when the policy of a container wants a watcher. Descriptor 3
 * is its socket, 4 is told when it watches.
 */
#include <unistd.h>

#include "cli/command.h"
#include "orlop/watch.h"

enum { SOCKET_FD = STDERR_FILENO + 1, READY_FD };

int cmd_watch(const struct command *c, struct err *e)
{
	return watch_run(c->life.root, c->call->operands.items[0], SOCKET_FD, READY_FD, e);
}
