/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>

enum { STACK = 64 * 1024 };

bool thread_others(cpu_set_t *ret)
{
	int here = sched_getcpu();

	if (here < 0 || sched_getaffinity(0, sizeof(*ret), ret) < 0)
		return false;
	CPU_CLR((size_t)here, ret);
	return CPU_COUNT(ret) > 0;
}

bool thread_start(pthread_t *ret, void *(*run)(void *argument), void *argument,
		  const cpu_set_t *where)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	bool started;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	if (where)
		pthread_attr_setaffinity_np(&attributes, sizeof(*where), where);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_create(ret, &attributes, run, argument) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return started;
}
