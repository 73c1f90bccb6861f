/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Handing out the seccomp listener. The descriptor comes into being with the filter,
 * and from then on a system call of ours may be one that the filter asks the listener about. So a
 * second thread, which the filter does not cover, sends it, while the first one waits without
 * system calls; exec ends the second thread.
 */
#pragma once

#include "child/child.h"

/* Starts the thread. 0 or a negative errno. */
int listener_prepare(struct child *c);

/* Gives it the descriptor and waits until the other side has it. 0, or the negative error. */
int listener_hand_over(struct child *c, int fd);
