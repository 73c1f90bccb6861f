/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "orlop/auto.h"

enum { STACK = 64 * 1024 };

bool thread_others(cpu_set_t *ret)
{
	int here = sched_getcpu();

	if (here < 0 || sched_getaffinity(0, sizeof(*ret), ret) < 0)
		return false;
	CPU_CLR((size_t)here, ret);
	return CPU_COUNT(ret) > 0;
}

bool thread_finds_idle(const cpu_set_t *processors)
{
	char text[128];		/* "0.20 0.18 0.12 1/80 11206": the 1 is whoever reads it */
	auto_fd int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	char *slash;

	if (fd < 0 || file_read_fd(fd, text, sizeof(text)) < 0)
		return false;
	slash = strchr(text, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return atoi(strrchr(text, ' ') + 1) <= CPU_COUNT(processors);
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
