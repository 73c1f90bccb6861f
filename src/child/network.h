/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The network namespace that the parent has made meanwhile.
 */
#pragma once

#include "child/child.h"

/*
 * Enters it, if that is still to be done: before what belongs to a network is made, and before
 * anything is asked of the parent, who sends it unasked. 0 or a negative error.
 */
int network_enter(struct child *c);
