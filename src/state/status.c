/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What a container is doing now. Nothing on disk says it, so nothing on disk can be
 * wrong about it: each answer is the kernel's, and costs a handful of system calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
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

/* A file system that a restart of the machine empties: what is in there is of this boot. */
static bool is_volatile(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || (unsigned long)fs.f_type == RAMFS_MAGIC);
}

int state_of_this_boot(const struct state_record *record, struct err *e)
{
	char boot[BOOT_ID_LEN + 1];

	if (!record->boot_id)
		return 0;
	if (identity_boot(boot) < 0)
		return err_sys(e, "read the boot id");
	return strcmp(boot, record->boot_id) == 0;
}

int state_identify(pid_t pid, int pidfd, struct arena *a, struct state_record *record,
		   struct err *e)
{
	char boot[BOOT_ID_LEN + 1];
	uint64_t start = 0, inode;
	int found = 0;

	if (identity_boot(boot) < 0)
		return err_sys(e, "read the boot id");
	if (identity_inode(pidfd, &inode) < 0)
		return err_sys(e, "look at the pidfd of process %d", (int)pid);
	if (!inode)
		found = identity_start(pid, &start);
	if (found < 0)
		return err_sys(e, "read the start time of process %d", (int)pid);
	if (found == IDENTITY_GONE)
		return err_set(e, ERR_STATE, "process %d has ended", (int)pid);
	record->pid = pid;
	record->pid_inode = inode;
	record->pid_start = start;
	record->boot_id = arena_strdup(a, boot);
	return 0;
}

/* Whether the descriptor's process is the record's and has not ended; 1, 0, or -1 with *e. */
static int is_meant(int pidfd, const struct state_record *record, struct err *e)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	struct stat st;
	uint64_t start;
	int found;

	if (record->pid_inode) {
		if (fstat(pidfd, &st) < 0)
			return err_sys(e, "look at the pidfd of process %d", (int)record->pid);
		if (st.st_ino != record->pid_inode)
			return 0;
	} else {
		found = identity_start(record->pid, &start);
		if (found < 0)
			return err_sys(e, "read the start time of process %d", (int)record->pid);
		if (found == IDENTITY_GONE || start != record->pid_start)
			return 0;
	}
	/* Readable when every thread has ended, also while nobody has waited for it yet. */
	return poll(&ended, 1, 0) <= 0;
}

int state_process(int dir, const struct state_record *record, int *ret_pidfd, struct err *e)
{
	/* Opened before it is looked at: a stranger who gets the pid in between is another one. */
	auto_fd int fd = record->pid > 0 ? pidfd_open(record->pid, 0) : -1;
	int is;

	*ret_pidfd = -1;
	if (fd < 0) {
		/* EINVAL, and ENOENT on later kernels: the pid is that of a thread now. */
		if (record->pid <= 0 || errno == ESRCH || errno == EINVAL || errno == ENOENT)
			return 0;
		return err_sys(e, "open process %d (pidfd_open)", (int)record->pid);
	}
	is = is_volatile(dir) ? 1 : state_of_this_boot(record, e);
	if (is > 0)
		is = is_meant(fd, record, e);
	if (is > 0)
		*ret_pidfd = take_fd(&fd);
	return is < 0 ? -1 : 0;
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
 * Only the waiting process holds the listening end, and exec closes it. A socket of another type
 * is refused with EPROTOTYPE while it does and ECONNREFUSED afterwards, and nobody is woken up.
 */
int state_waiting(int dir, bool *ret, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = -1;

	*ret = false;
	/* `start` removes the name. */
	if (faccessat(dir, "start.sock", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, "socket");
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/start.sock", dir);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	    errno == ECONNREFUSED || errno == ENOENT)
		return 0;
	*ret = errno == EPROTOTYPE;
	return *ret ? 0 : err_sys(e, "connect to the container's start.sock");
}

int state_status(int dir, const struct state_record *record, enum state_status *ret,
		 int *ret_pidfd, struct err *e)
{
	auto_fd int process = -1;
	bool waiting = false;
	int frozen;

	if (ret_pidfd)
		*ret_pidfd = -1;
	if (state_process(dir, record, &process, e) < 0)
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
