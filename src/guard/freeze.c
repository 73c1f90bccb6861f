/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The cgroup v2 freezer. Its word is cgroup.events; cgroup.freeze is only the wish.
 * A container can make a process that the freezer never gets (one that waits killably in the
 * kernel for an answer that another of its processes withholds), so every wait here ends.
 */
#include "guard/freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/cgroup.h"
#include "guard/tasks.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

enum {
	NS_PER_MS = 1000000, NS_PER_S = 1000000000,
	STEP_MIN_NS = 20000,		/* one idle process is frozen in 50 us, a hundred in 500 */
	STEP_MAX_NS = 200000,
	STEP_LATE_NS = 2000000,		/* after EARLY_NS nobody counts microseconds */
	EARLY_NS = 20 * NS_PER_MS,
	URGENT = -20,
};

uint64_t freeze_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

int freeze_hurry(void)
{
	int before;

	/* Against a hundred spinning processes this is 1 ms instead of 30, if we may. */
	errno = 0;
	before = getpriority(PRIO_PROCESS, 0);
	if (errno)
		before = 0;
	setpriority(PRIO_PROCESS, 0, URGENT);
	prctl(PR_SET_TIMERSLACK, 1000);
	return before;
}

void freeze_calm(int before)
{
	setpriority(PRIO_PROCESS, 0, before);
	prctl(PR_SET_TIMERSLACK, 0);
}

int freeze_ask(int group, bool frozen, struct err *e)
{
	const char *value = frozen ? "1" : "0";

	if (file_write(group, "cgroup.freeze", value) == 0)
		return 0;
	err_sys(e, "cgroup.freeze \"%s\"", value);
	if (e->code == ENOENT && faccessat(group, "cgroup.events", F_OK, 0) == 0)
		err_sys_code(e, ENOENT, "this kernel does not freeze cgroups (Linux 5.2 does): "
			     "cgroup.freeze \"%s\"", value);
	return -1;
}

int freeze_wait(int group, bool frozen, uint64_t end, struct err *e)
{
	/*
	 * The kernel announces a change of this file at most every 10 ms, so it is read again and
	 * again, with short pauses.
	 */
	auto_fd int file = file_open(group, "cgroup.events", O_RDONLY);
	const char *want = frozen ? "frozen 1" : "frozen 0";
	uint64_t begin = freeze_now(), step = STEP_MIN_NS;

	if (file < 0)
		return err_sys(e, "cgroup.events");
	for (;;) {
		struct timespec pause = { .tv_nsec = (long)step };
		char text[256];
		ssize_t n = pread(file, text, sizeof(text) - 1, 0);
		uint64_t now;

		if (n < 0)
			return err_sys_code(e, errno == ENODEV ? ENOENT : errno, "cgroup.events");
		text[n] = '\0';
		if (strstr(text, want))
			return 0;
		now = freeze_now();
		if (now >= end)
			return 1;
		nanosleep(&pause, NULL);
		step = step * 5 / 4;
		if (step > STEP_MAX_NS)
			step = now - begin > EARLY_NS ? STEP_LATE_NS : STEP_MAX_NS;
	}
}

static uint64_t deadline(unsigned timeout_ms)
{
	return freeze_now() + (uint64_t)timeout_ms * NS_PER_MS;
}

int guard_freeze(int group, unsigned timeout_ms, struct arena *a, struct guard_tasks *ret,
		 struct err *e)
{
	uint64_t end = deadline(timeout_ms);
	int before = freeze_hurry(), frozen = freeze_ask(group, true, e);

	if (frozen == 0)
		frozen = freeze_wait(group, true, end, e);
	/* Those who are not frozen run, perhaps a thousand of them, while they are listed. */
	if (frozen > 0)
		frozen = tasks_not_frozen(group, a, ret, e) < 0 ? -1 : GUARD_NOT_FROZEN;
	freeze_calm(before);
	return frozen;
}

int guard_thaw(int group, unsigned timeout_ms, struct err *e)
{
	uint64_t end = deadline(timeout_ms);
	struct err ignored;

	if (freeze_ask(group, false, e) < 0)
		/* Where nothing can be frozen nothing is. */
		return e->code == ENOENT && freeze_wait(group, false, 0, &ignored) == 0 ? 0 : -1;
	return freeze_wait(group, false, end, e);
}

bool guard_freeze_asked(int group)
{
	char text[16];

	return file_read(group, "cgroup.freeze", text, sizeof(text)) > 0 && text[0] == '1';
}
