/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/placeholder.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"

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
