/* SPDX-License-Identifier: Apache-2.0 */
/*
 * close_range is Linux 5.9, CLOSE_RANGE_CLOEXEC 5.11: below the floor of 5.14.
 */
#include "cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/environment.h"
#include "cli/parse.h"
#include "orlop/auto.h"

#ifndef CLOSE_RANGE_CLOEXEC
#include <linux/close_range.h>
#endif

/*
 * The start of a static program asks glibc's own function of that name for the program's directory,
 * in case it should load libraries ($ORIGIN). None are: this answer (there is none) spares every
 * command a walk through /proc, a fifteenth of what `state` takes.
 */
const char *_dl_get_origin(void);
const char *_dl_get_origin(void)
{
	return (const char *)-1;
}

static int fill_standard(struct err *e)
{
	struct pollfd standard[] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	/* Says POLLNVAL of what is not open, for all three at once. */
	if (poll(standard, 3, 0) < 0)
		return err_sys(e, "poll the standard descriptors");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!(standard[fd].revents & POLLNVAL))
			continue;
		/* The lowest free number is this one: those below are open. */
		if (open("/dev/null", O_RDWR | O_NOCTTY) != fd)
			return err_sys(e, "open /dev/null for descriptor %d", fd);
	}
	return 0;
}

static void do_nothing(int signal)
{
	(void)signal;
}

int start_clean(struct err *e)
{
	environment_clean();
	/*
	 * Nobody looks into us or traces us. Without root the kernel would give our children's
	 * /proc files to root as well, and their id maps could not be written.
	 */
	if (getauxval(AT_EUID) == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(e, "prctl PR_SET_DUMPABLE");
	if (getauxval(AT_SECURE))
		return err_set(e, ERR_POLICY, "refusing to run with more privileges than the caller");
	/*
	 * A caller's "ignored" would lose our children's ends; a closed pipe, or a limit on the size
	 * of files, our clean-up. A handler that does nothing is not inherited, as "ignored" would be.
	 */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, do_nothing);
	signal(SIGXFSZ, do_nothing);
	if (fill_standard(e))
		return -1;
	if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	err_sys(e, "close_range");
	return err_hint(e, "Linux 5.14 or newer is needed");
}

/* sd_listen_fds(3): the count is ours only when the process id is. */
unsigned start_listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint32_t value;

	if (!pid || !count || !cli_number(pid, INT32_MAX, &value) || value != (uint32_t)getpid())
		return 0;
	return cli_number(count, INT16_MAX, &value) ? value : 0;
}

int start_check_preserved(unsigned listen_fds, unsigned preserve_fds, struct err *e)
{
	for (unsigned i = 0; i < listen_fds + preserve_fds; i++) {
		if (fcntl((int)(STDERR_FILENO + 1 + i), F_GETFD) >= 0)
			continue;
		if (i < listen_fds)
			return err_sys(e, "unable to stat fd %u of LISTEN_FDS", STDERR_FILENO + 1 + i);
		return err_sys(e, "unable to stat preserved-fd %u (of %u)", i - listen_fds,
			       preserve_fds);
	}
	return 0;
}
