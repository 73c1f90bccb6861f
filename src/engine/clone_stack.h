/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. clone3 for what begins in a function on another stack, in our memory.
 */
#pragma once

#include <linux/sched.h>

/*
 * Calls run(argument) in the new task, on the stack of *args; it must not return. The C library
 * knows nothing of that task: with CLONE_VM it shares errno and whatever else is ours, and is to
 * call nothing that touches such. Returns its id, or -1 and errno (clone(2)).
 */
long clone_on_stack(struct clone_args *args, void (*run)(void *argument), void *argument);
