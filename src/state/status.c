/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What a container is doing now. Nothing on disk says it, so nothing on disk can be
 * wrong about it: each answer is the kernel's, and costs a handful of system calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sys.h"
#include "orlop/auto.h"
#include "orlop/state.h"
#include "state/identity.h"

/* Indexed by enum state_status; the words are the specification's and, "paused", the engines'. */
static const char *const words[] = {
	[STATE_CREATING] = "creating",
	[STATE_CREATED] = "created",
	[STATE_RUNNING] = "running",
	[STATE_PAUSED] = "paused",
	[STATE_STOPPED] = "stopped",
};

const char *state_status_word(enum state_status status)
{
	BUG_ON((unsigned)status >= STATE_STATUS_COUNT_);
	return words[status];
}

int state_identify(pid_t pid, struct arena *a, struct state_record *record, struct err *e)
{
	char boot[BOOT_ID_LEN + 1], letter;
	uint64_t start;
	int found;

	if (identity_boot(boot) < 0)
		return err_sys(e, "read the boot id");
	found = identity_start(pid, &start, &letter);
	if (found < 0)
		return err_sys(e, "read the start time of process %d", (int)pid);
	if (found == IDENTITY_GONE)
		return err_set(e, ERR_STATE, "process %d has ended", (int)pid);
	record->pid = pid;
	record->pid_start = start;
	record->boot_id = arena_strdup(a, boot);
	return 0;
}

/*
 * A descriptor for the container's process, -1 when it has ended, -2 with *e. The descriptor is
 * opened before the start time is read: a stranger who gets the pid in between has another one.
 */
static int open_process(const struct state_record *record, struct err *e)
{
	char boot[BOOT_ID_LEN + 1], letter;
	auto_fd int fd = record->pid > 0 ? pidfd_open(record->pid, 0) : -1;
	uint64_t start;
	int found;

	if (fd < 0) {
		/* EINVAL, and ENOENT on later kernels: the pid is that of a thread now. */
		if (record->pid <= 0 || errno == ESRCH || errno == EINVAL || errno == ENOENT)
			return -1;
		err_sys(e, "open process %d", (int)record->pid);
		return -2;
	}
	if (identity_boot(boot) < 0) {
		err_sys(e, "read the boot id");
		return -2;
	}
	if (strcmp(boot, record->boot_id) != 0)
		return -1;
	found = identity_start(record->pid, &start, &letter);
	if (found < 0) {
		err_sys(e, "read the start time of process %d", (int)record->pid);
		return -2;
	}
	if (found == IDENTITY_GONE || start != record->pid_start || letter == 'Z' || letter == 'X')
		return -1;
	return take_fd(&fd);
}

/*
 * "frozen 1" is the kernel's word that every process stands still; cgroup.freeze is only the
 * wish. A group that is gone holds nobody. 1, 0, or -1 with *e.
 */
static int is_frozen(const struct state_record *record, struct err *e)
{
	char path[PATH_MAX], text[256];
	int len = snprintf(path, sizeof(path), "%s%s/cgroup.events", record->cgroup_mount,
			   record->cgroup);
	auto_fd int fd = -1;
	ssize_t n;

	if (!record->cgroup[0] || len < 0 || (size_t)len >= sizeof(path))
		return 0;
	fd = sys_openat2(AT_FDCWD, path, O_RDONLY, 0, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return errno == ENOENT || errno == ENODEV ? 0 :
			err_sys(e, "read cgroup.events of \"%.80s\"", record->cgroup);
	text[n] = '\0';
	return strstr(text, "frozen 1") != NULL;
}

/*
 * Only the waiting process holds the listening end, and exec closes it. A full backlog (EAGAIN)
 * is one that somebody listens to.
 */
int state_waiting(int dir, bool *ret, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(e, "socket");
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/start.sock", dir);
	*ret = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
	if (!*ret && errno != ECONNREFUSED && errno != ENOENT)
		return err_sys(e, "connect to the container's start.sock");
	return 0;
}

int state_status(int dir, const struct state_record *record, enum state_status *ret,
		 int *ret_pidfd, struct err *e)
{
	auto_fd int process = open_process(record, e);
	bool waiting = false;
	int frozen;

	if (ret_pidfd)
		*ret_pidfd = -1;
	if (process == -2)
		return -1;
	if (process < 0) {
		*ret = STATE_STOPPED;
		return 0;
	}
	frozen = is_frozen(record, e);
	if (frozen < 0)
		return -1;
	if (frozen) {
		*ret = STATE_PAUSED;
	} else {
		if (state_waiting(dir, &waiting, e) < 0)
			return -1;
		*ret = waiting ? STATE_CREATED : STATE_RUNNING;
	}
	if (ret_pidfd)
		*ret_pidfd = take_fd(&process);
	return 0;
}
