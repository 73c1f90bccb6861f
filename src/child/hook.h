/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Hooks that run in the container's namespaces: createContainer before pivot_root,
 * startContainer right before the program.
 */
#pragma once

#include "child/child.h"

/*
 * Runs them in order, each with the state document (head, our pid, tail) on its standard input and
 * exactly its own environment (`environment` where it has none and that is not NULL), in a session
 * of its own. 0; or -CHILD_E_HOOK_STATUS, -CHILD_E_HOOK_TIMEOUT or a negative errno with `item`
 * and `detail` naming the hook. A hook that runs out of time is killed with its process group.
 */
int hooks_run(struct child *c, struct child_list hooks, const char *head, const char *tail,
	      const char *const *environment);
