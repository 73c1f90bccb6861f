/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread beside the first one, for a piece of work that is known beforehand and ends by itself.
 */
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

/* The processors that we may use, but for the one that we are on. False when there are none. */
bool thread_others(cpu_set_t *ret);

/*
 * Starts run(argument) with a small stack and all signals blocked: they stay with the first thread.
 * `where`, or NULL: the processors that it may use. False when there can be none; whoever asks does
 * the work himself then. The caller joins it.
 */
bool thread_start(pthread_t *ret, void *(*run)(void *argument), void *argument,
		  const cpu_set_t *where);
