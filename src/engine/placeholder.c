/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/placeholder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sys.h"
#include "orlop/auto.h"

/* A lock of ours that stayed open here would outlive us by as much as this does. */
static _Noreturn void stand_in(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "orlop:[scope]");
	syscall(SYS_close_range, 0U, ~0U, 0);
	if (getppid() != parent)	/* it was killed before the first line */
		_exit(0);
	for (;;)
		pause();
}

int placeholder_start(struct placeholder *ret, struct err *e)
{
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	pid_t parent = getpid(), pid = sys_clone3(&args);

	if (pid < 0)
		return err_sys(e, "make a process for the scope");
	if (pid == 0)
		stand_in(parent);
	ret->pid = pid;
	return 0;
}

void placeholder_end(struct placeholder *p)
{
	if (p->pid < 0)
		return;
	kill(p->pid, SIGKILL);	/* ours and not reaped yet: the number is its */
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = -1;
}

int placeholder_cgroup(const struct placeholder *p, char *path, size_t size, struct err *e)
{
	auto_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[32], text[8192];
	const char *line;

	snprintf(name, sizeof(name), "%d/cgroup", (int)p->pid);
	if (proc < 0 || file_read(proc, name, text, sizeof(text)) < 0)
		return err_sys(e, "/proc/%s", name);
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return err_set(e, ERR_SYSTEM, "/proc/%s: names no cgroup v2", name);
	line = strchr(line, ':') + 2;
	if (snprintf(path, size, "%.*s", (int)strcspn(line, "\n"), line) >= (int)size)
		return err_sys_code(e, ENAMETOOLONG, "/proc/%s", name);
	return 0;
}
