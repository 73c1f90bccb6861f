/* SPDX-License-Identifier: Apache-2.0 */
#include "life/foreground.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/console.h"
#include "orlop/auto.h"

enum { DRAIN_MS = 200 };	/* for output that is under way when the process has ended */

/* Faults are ours to die of. */
static void all_signals(sigset_t *set)
{
	static const int ours[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };

	sigfillset(set);
	for (size_t n = 0; n < ARRAY_LEN(ours); n++)
		sigdelset(set, ours[n]);
}

int foreground_begin(struct foreground *f, bool subreaper, struct err *e)
{
	sigset_t set;

	*f = FOREGROUND_NONE;
	all_signals(&set);
	if (subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return err_sys(e, "become subreaper");
	f->subreaper = subreaper;
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, "block signals");
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? err_sys(e, "signalfd") : 0;
}

/* Everybody but the process itself, whose status is taken at the end. */
static void reap_orphans(pid_t pid)
{
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid ||
		    info.si_pid == pid)
			return;
		waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
	}
}

static void take_signals(struct foreground *f, pid_t pid, int pidfd, struct console *console)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			if (f->subreaper)
				reap_orphans(pid);
			break;
		case SIGWINCH:
			if (console->master >= 0)
				console_resize(console);
			break;
		case SIGURG:
			break;
		default:
			pidfd_send_signal(pidfd, (int)info.ssi_signo, NULL, 0);
		}
	}
}

static void drain(struct console *console)
{
	struct pollfd out = { .fd = console->master, .events = POLLIN };

	while (console->master >= 0 && poll(&out, 1, DRAIN_MS) > 0)
		if (!console_copy_out(console))
			break;
}

static int status_of(int pidfd, struct err *e)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		return err_sys(e, "wait for the process");
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static int attend(struct foreground *f, pid_t pid, int pidfd, struct console *console,
		  struct notify *notify, struct err *e)
{
	for (;;) {
		struct pollfd waits[] = {
			{ .fd = pidfd, .events = POLLIN },
			{ .fd = f->signals, .events = POLLIN },
			{ .fd = console->master, .events = POLLIN },
			{ .fd = console->master >= 0 && console->stdin_open ? STDIN_FILENO : -1,
			  .events = POLLIN },
			{ .fd = notify->socket, .events = POLLIN },
		};

		if (poll(waits, ARRAY_LEN(waits), -1) < 0 && errno != EINTR)
			return err_sys(e, "wait for the process");
		if (waits[1].revents)
			take_signals(f, pid, pidfd, console);
		if (waits[3].revents)
			console_copy_in(console);
		if (waits[4].revents && notify_take(notify, pid, e) < 0)
			return -1;
		if (waits[2].revents && !console_copy_out(console))
			console->master = -1;	/* its end; the descriptor is the caller's */
		if (waits[0].revents)
			return 0;
	}
}

int foreground_wait(struct foreground *f, pid_t pid, int pidfd, int master,
		    struct notify *notify, struct err *e)
{
	struct console console = { .master = -1 };
	int result;

	if (master >= 0 && console_begin(&console, master, e) < 0)
		return -1;
	result = attend(f, pid, pidfd, &console, notify, e);
	if (result == 0)
		drain(&console);
	console_end(&console);
	return result < 0 ? -1 : status_of(pidfd, e);
}

void foreground_end(struct foreground *f)
{
	sigset_t set;

	auto_close_fd(&f->signals);
	all_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
