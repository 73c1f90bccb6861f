/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The program: where it starts, whether it is there, the wait for `start`, the filter,
 * and execve.
 */
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/listener.h"
#include "child/path.h"

enum { USUAL_STRINGS = 128 };
enum { SILENCE_S = 10 };		/* of a connection that was made */
enum { PASSWD_MAX = 1 << 20 };		/* an image's passwd beyond this is not read further */

/*
 * In the container "/" is the root, so resolving in it cannot leave it; magic links are refused
 * because /proc/self/fd/N of a leaked directory would (CVE-2024-21626). Missing directories are
 * made for the container's program, as runc does; who enters later has to find them.
 */
int step_cwd(struct child *c)
{
	const char *cwd = child_string(c, c->plan->cwd);
	char where[PATH_ROOM];
	int root, fd;
	long error;

	if (bytes_equal(cwd, "/"))	/* where step_pivot left us */
		return child_flag(c, CHILD_EXEC) ? (int)SYS(chdir, cwd) : 0;
	child_detail(c, cwd);
	root = (int)SYS(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (root < 0)
		return root;
	fd = child_flag(c, CHILD_EXEC) ? path_open(root, cwd, 0) : path_make(root, cwd, false);
	error = fd;
	if (fd >= 0)
		error = SYS(fchdir, fd);
	if (error >= 0) {
		error = SYS(getcwd, where, sizeof(where));
		/* "(unreachable)/..." is a directory that no path of the container leads to. */
		if (error >= 0 && where[0] != '/')
			error = -CHILD_E_OUTSIDE;
	}
	if (fd >= 0)
		sys_close(fd);
	sys_close(root);
	return error < 0 ? (int)error : 0;
}

/*
 * The home directory of our uid in the image's passwd; the file is the image's, so it is read with
 * bounds: a regular file, at most PASSWD_MAX, in pieces.
 */
static bool passwd_home(struct child *c, char *to, size_t room)
{
	char block[1024], field[1024], uid[21];
	int fd = sys_openat2(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY,
			     RESOLVE_NO_MAGICLINKS);
	unsigned column = 0, len = 0;
	bool ours = false, found = false;
	struct stat st;
	long n = 0;

	if (fd < 0)
		return false;
	bytes_decimal(uid, c->plan->uid);
	if (SYS(fstat, fd, &st) < 0 || !S_ISREG(st.st_mode))
		goto out;
	for (long total = 0; total < PASSWD_MAX && !found; total += n) {
		n = SYS(read, fd, block, sizeof(block));
		if (n <= 0)
			break;
		for (long i = 0; i < n && !found; i++) {
			char byte = block[i];

			if (byte != ':' && byte != '\n') {
				if (len < sizeof(field) - 1)
					field[len++] = byte;
				continue;
			}
			field[len] = '\0';
			if (column == 2)
				ours = bytes_equal(field, uid);
			if (column == 5 && ours && field[0] == '/' && len < room) {
				memcpy(to, field, len + 1);
				found = true;
			}
			column = byte == '\n' ? 0 : column + 1;
			ours = ours && column;
			len = 0;
		}
	}
out:
	sys_close(fd);
	return found;
}

/* The arrays for execve; in pages of their own when there are many. */
static int make_arrays(struct child *c)
{
	const struct child_plan *plan = c->plan;
	static const char *usual[USUAL_STRINGS];
	size_t count = plan->args.count + plan->env.count + 3;
	const char **p = usual;

	if (count > USUAL_STRINGS) {
		long at = SYS(mmap, 0, count * sizeof(char *), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at < 0 && at > -4096)
			return (int)at;
		p = (const char **)at;
	}
	c->arguments = p;
	for (uint32_t n = 0; n < plan->args.count; n++)
		*p++ = child_item_string(c, plan->args, n);
	*p++ = NULL;
	c->environment = p;
	for (uint32_t n = 0; n < plan->env.count; n++)
		*p++ = child_item_string(c, plan->env, n);
	if (child_flag(c, CHILD_FIND_HOME)) {
		memcpy(c->home, "HOME=", 5);
		if (!passwd_home(c, c->home + 5, sizeof(c->home) - 5))
			memcpy(c->home + 5, "/", 2);
		*p++ = c->home;
	}
	*p = NULL;
	return 0;
}

/* 0 when it could be executed by who we are now. */
static int check_program(const char *path)
{
	struct stat st;
	long error = SYS(newfstatat, AT_FDCWD, path, &st, 0);

	if (error < 0)
		return (int)error;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return (int)SYS(faccessat2, AT_FDCWD, path, 1 /* X_OK */, AT_EACCESS);
}

/* execvp's search: each directory of PATH; one that may not be searched is remembered. */
static int search(struct child *c, const char *name)
{
	const char *path = child_string(c, c->plan->path);
	size_t len = strlen(name);
	int worst = -CHILD_E_NOT_FOUND;

	while (path) {
		const char *end = bytes_find(path, ':');
		size_t dir = end ? (size_t)(end - path) : strlen(path);

		if (dir + len + 2 <= sizeof(c->program)) {
			int error;

			memcpy(c->program, path, dir);
			if (!dir)
				c->program[dir++] = '.';
			c->program[dir] = '/';
			memcpy(c->program + dir + 1, name, len + 1);
			error = check_program(c->program);
			if (error == 0)
				return 0;
			if (error == -EACCES)
				worst = error;
		}
		path = end ? end + 1 : NULL;
	}
	return worst;
}

int step_program(struct child *c)
{
	const char *name;
	size_t len;
	int error;

	if (child_flag(c, CHILD_NO_PROGRAM))
		return 0;
	name = child_item_string(c, c->plan->args, 0);
	child_detail(c, name);
	error = make_arrays(c);
	if (error < 0)
		return error;
	len = strlen(name);
	if (!bytes_find(name, '/'))
		return search(c, name);
	if (len >= sizeof(c->program))
		return -ENAMETOOLONG;
	memcpy(c->program, name, len + 1);
	return check_program(c->program);
}

_Noreturn static void end_now(int number)
{
	(void)number;
	sys_exit(1);
}

/*
 * The first process of a pid namespace gets no signal that it has no handler for, and whoever ends
 * a container that was never started expects it to end. execve takes the handlers away.
 */
static int die_of_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };
	int error = 0;

	for (unsigned n = 0; n < sizeof(numbers) / sizeof(numbers[0]) && error >= 0; n++)
		error = sys_signal(numbers[n], end_now);
	return error;
}

int step_ready(struct child *c)
{
	int word;

	/* Whatever may fail comes before READY: the parent believes it. */
	word = c->plan->listener >= 0 ? die_of_signals() : 0;
	/* From here on the end of the socket tells of the parent's end: `create` leaves us alone. */
	if (word >= 0)
		word = (int)SYS(prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (word < 0)
		return word;
	word = child_send(c, CHILD_READY, CHILD_STEP_READY, -1);
	if (word >= 0)
		word = child_receive(c, NULL);
	c->waits = word == PARENT_GO;
	return word < 0 ? word : 0;
}

/* The host's table of files or its memory was full: nobody's fault, and it passes. */
static bool is_shortage(long error)
{
	return error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

static void wait_a_moment(void)
{
	struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };

	SYS(ppoll, NULL, 0, &moment, NULL, 8);
}

/*
 * What the connection says. One that is silent for long (its owner was stopped, or died with the
 * connection handed on) does not keep others from starting the container: -ETIMEDOUT.
 */
static int hear_word(struct child *c)
{
	struct timespec limit = { .tv_sec = SILENCE_S };
	struct pollfd wait = { .fd = c->control, .events = POLLIN };
	long n;

	do
		n = SYS(ppoll, &wait, 1, &limit, NULL, 8);
	while (n == -EINTR);
	if (n <= 0)
		return n < 0 ? (int)n : -ETIMEDOUT;
	return child_receive(c, NULL);
}

/*
 * A created container: whoever connects and says START is answered on that connection, by an error
 * or by its end at exec. A connection that says nothing asked for the status only.
 */
static int wait_for_start(struct child *c)
{
	int listener = c->plan->listener, word;

	sys_close(c->control);
	c->control = -1;
	for (;;) {
		long fd = SYS(accept4, listener, NULL, NULL, SOCK_CLOEXEC);

		if (is_shortage(fd))
			wait_a_moment();
		if (fd == -EINTR || fd == -ECONNABORTED || is_shortage(fd))
			continue;
		if (fd < 0)
			return (int)fd;
		c->control = (int)fd;
		word = hear_word(c);
		if (word == PARENT_START)
			return 0;
		/* Whoever said START takes the connection's end for the program's beginning. */
		if (word < 0 && word != -CHILD_E_PARENT_GONE && word != -ETIMEDOUT)
			return word;
		sys_close((int)fd);
		c->control = -1;
	}
}

int step_start(struct child *c)
{
	int error = c->waits ? wait_for_start(c) : 0;

	if (error < 0)
		return error;
	if (child_flag(c, CHILD_NO_PROGRAM)) {
		child_detail(c, "config.json has no process");
		return -EINVAL;
	}
	return 0;
}

/*
 * The program's table: 0-2 and the preserved ones. The report channel is moved right behind them
 * and closes itself at exec.
 */
int step_fds(struct child *c)
{
	unsigned first = c->plan->first_free_fd;

	if ((unsigned)c->control != first) {
		long error = SYS(dup3, c->control, first, O_CLOEXEC);

		if (error < 0)
			return (int)error;
		c->control = (int)first;
	}
	/* Hooks and the program get nothing from here on: all that is left closes itself. */
	return (int)SYS(close_range, first, ~0U, CLOSE_RANGE_CLOEXEC);
}

int step_seccomp(struct child *c)
{
	const struct child_plan *plan = c->plan;
	struct sock_fprog program = {
		.len = (unsigned short)plan->filter.count,
		.filter = (struct sock_filter *)(uintptr_t)child_items(c, plan->filter),
	};
	long fd;

	if (!plan->filter.count)
		return 0;
	if (child_flag(c, CHILD_NOTIFY)) {
		int error = listener_prepare(c);

		if (error < 0)
			return error;
	}
	fd = SYS(seccomp, SECCOMP_SET_MODE_FILTER, plan->filter_flags, &program);
	if (fd < 0)
		return (int)fd;
	return child_flag(c, CHILD_NOTIFY) ? listener_hand_over(c, (int)fd) : 0;
}

int step_exec(struct child *c)
{
	child_detail(c, c->program);
	return (int)SYS(execve, c->program, c->arguments, c->environment);
}
