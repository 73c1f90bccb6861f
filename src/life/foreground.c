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
#include "orlop/guard.h"

/*
 * For output that is under way when the process has ended: so long for the next piece, and not more
 * than all buffers of a terminal hold, since somebody else may go on writing to it.
 */
enum { DRAIN_MS = 200, DRAIN_MAX = 1024 * 1024 };

/*
 * Faults are ours to die of, and we are the one who uses the caller's terminal: in the background
 * we stop as every program does.
 */
static void all_signals(sigset_t *set)
{
	static const int ours[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU,
	};

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

/*
 * Somebody typed Ctrl-Z, and wants the shell back. The container's first process, which was told,
 * does not stop of it unless it wants to; we do, and go on at SIGCONT.
 */
static void stop_here(void)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	sigprocmask(SIG_BLOCK, &stop, NULL);
}

static void take_signals(struct foreground *f, pid_t pid, int pidfd, struct console *console)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			if (f->subreaper)
				reap_orphans(pid);
			continue;
		case SIGWINCH:
			console_resize(console);
			continue;
		case SIGURG:
			continue;
		case SIGCONT:
			console_resume(console);
			break;
		}
		/* As kill does it: SIGTERM would end frozen processes. */
		if (f->dir < 0 || !guard_holds_back(f->dir, f->id))
			pidfd_send_signal(pidfd, (int)info.ssi_signo, NULL, 0);
		if (info.ssi_signo == SIGTSTP && info.ssi_code == SI_KERNEL)
			stop_here();
	}
}

/* Does somebody want us to end, now that there is nobody to pass it on to? */
static bool is_told_to_end(struct foreground *f)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM ||
		    info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT)
			return true;
	return false;
}

static void drain(struct foreground *f, struct console *console)
{
	size_t shown = 0;

	console->input_open = false;
	console->in.len = 0;
	while ((console->master >= 0 && shown < DRAIN_MAX) || console->out.len) {
		struct pollfd waits[CONSOLE_WAITS + 1] = {
			[CONSOLE_WAITS] = { .fd = f->signals, .events = POLLIN },
		};

		console_waits(console, waits);
		if (poll(waits, ARRAY_LEN(waits), console->out.len ? -1 : DRAIN_MS) <= 0 ||
		    (waits[CONSOLE_WAITS].revents && is_told_to_end(f)))
			return;
		console_move(console, waits);
		shown += waits[CONSOLE_MASTER].revents ? console->out.len : 0;
	}
}

static int status_of(struct foreground *f, int pidfd, struct err *e)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		return err_sys(e, "wait for the process");
	f->filtered = info.si_code != CLD_EXITED && info.si_status == SIGSYS;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static int attend(struct foreground *f, pid_t pid, int pidfd, int *master,
		  struct console *console, struct notify *notify, struct err *e)
{
	enum { PROCESS = CONSOLE_WAITS, SIGNALS, NOTIFY, COUNT };

	for (;;) {
		struct pollfd waits[COUNT] = {
			[PROCESS] = { .fd = pidfd, .events = POLLIN },
			[SIGNALS] = { .fd = f->signals, .events = POLLIN },
			[NOTIFY] = { .fd = notify->socket, .events = POLLIN },
		};

		console_waits(console, waits);
		if (poll(waits, COUNT, -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, "wait for the process");
		}
		if (waits[SIGNALS].revents)
			take_signals(f, pid, pidfd, console);
		if (waits[NOTIFY].revents && notify_take(notify, pid, e) < 0)
			return -1;
		console_move(console, waits);
		/* Else the program would wait for ever for room in a terminal that nobody sees. */
		if (console->output_gone)
			auto_close_fd(master);
		if (waits[PROCESS].revents)
			return 0;
	}
}

int foreground_wait(struct foreground *f, pid_t pid, int pidfd, int *master,
		    struct notify *notify, struct err *e)
{
	struct console console = { .master = -1 };
	int result;

	if (*master >= 0 && console_begin(&console, *master, e) < 0)
		return -1;
	result = attend(f, pid, pidfd, master, &console, notify, e);
	if (result == 0)
		drain(f, &console);
	console_end(&console);
	return result < 0 ? -1 : status_of(f, pidfd, e);
}

void foreground_end(struct foreground *f)
{
	auto_close_fd(&f->signals);
}
