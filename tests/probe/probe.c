/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that the tests run inside a container: it says what it sees and what it is allowed
 * to do, one fact per line, "verb: fact". Verbs are chained by an argument ";".
 *
 *     probe ls /secret ";" write /secret/b x      prints      ls: 0 entries
 *                                                             write: EROFS
 *
 * It knows nothing of the runtime and trusts nothing of the root file system it is in: static,
 * no NSS, no locale, every answer from a system call or /proc. To add a verb, add a function and
 * a row in the table at the end.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <sys/un.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The verb that is running; every line it prints starts with it. */
static const char *verb_name = "probe";
static int exit_status;

/* ---- words ------------------------------------------------------------------------------- */

struct word {
	const char *name;
	long value;
};

static long word_value(const struct word *words, size_t n, const char *name, long otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i].name, name))
			return words[i].value;
	return otherwise;
}

static const char *word_name(const struct word *words, size_t n, long value)
{
	for (size_t i = 0; i < n; i++)
		if (words[i].value == value)
			return words[i].name;
	return NULL;
}

static const char *errno_name(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "E?";
}

static void say_errno(void)
{
	int err = errno;

	printf("%s: %s\n", verb_name, errno_name(err));
}

static void say_result(long result)
{
	if (result < 0)
		say_errno();
	else
		printf("%s: ok\n", verb_name);
}

static long number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 0);

	if (*end || end == text) {
		fprintf(stderr, "probe: %s: not a number: \"%s\"\n", verb_name, text);
		exit(64);
	}
	return value;
}

/* ---- reading small files ----------------------------------------------------------------- */

/* The whole of a file in one static buffer, or NULL with errno. */
static char *file_text(const char *path)
{
	static char text[1 << 20];
	size_t used = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return NULL;
	while (used < sizeof(text) - 1) {
		ssize_t n = read(fd, text + used, sizeof(text) - 1 - used);

		if (n < 0) {
			int err = errno;

			close(fd);
			errno = err;
			return NULL;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	text[used] = '\0';
	return text;
}

static const char *link_text(const char *path)
{
	static char text[4096];
	ssize_t n = readlink(path, text, sizeof(text) - 1);

	if (n < 0)
		return NULL;
	text[n] = '\0';
	return text;
}

/* The value of "Field:" in a /proc status file, without the blanks around it. */
static char *status_field(const char *path, const char *field)
{
	char *text = file_text(path);
	size_t length = strlen(field);

	for (char *line = text; line && *line;) {
		char *next = strchr(line, '\n');

		if (next)
			*next++ = '\0';
		if (!strncmp(line, field, length) && line[length] == ':') {
			line += length + 1;
			while (*line == ' ' || *line == '\t')
				line++;
			return line;
		}
		line = next;
	}
	errno = ENODATA;
	return NULL;
}

static void say_file(const char *path)
{
	char *text = file_text(path);

	if (!text) {
		say_errno();
		return;
	}
	if (!*text)
		printf("%s: \n", verb_name);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		printf("%s: %s\n", verb_name, line);
}

/* ---- files ------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void verb_ls(char **args)
{
	char *names[4096];
	size_t count = 0;
	DIR *dir = opendir(args[0]);

	if (!dir) {
		say_errno();
		return;
	}
	errno = 0;
	for (struct dirent *entry; (entry = readdir(dir)) && count < COUNT(names);)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			names[count++] = strdup(entry->d_name);
	closedir(dir);
	qsort(names, count, sizeof(names[0]), by_name);
	printf("ls: %zu entries", count);
	for (size_t i = 0; i < count; i++)
		printf(" %s", names[i]);
	printf("\n");
}

static void verb_cat(char **args)
{
	say_file(args[0]);
}

static void write_to(const char *path, const char *text, int flags)
{
	int fd = open(path, flags | O_WRONLY | O_CLOEXEC | O_NOCTTY, 0644);
	size_t length = strlen(text);

	if (fd < 0) {
		say_errno();
		return;
	}
	say_result(write(fd, text, length) == (ssize_t)length ? 0 : -1);
	close(fd);
}

static void verb_write(char **args)
{
	write_to(args[0], args[1], O_CREAT | O_TRUNC);
}

/* Into a file that is there already: what /proc and cgroup files want. */
static void verb_put(char **args)
{
	write_to(args[0], args[1], 0);
}

static void verb_append(char **args)
{
	write_to(args[0], args[1], O_CREAT | O_APPEND);
}

/* For as long as the probe lives. */
static void verb_lock(char **args)
{
	int fd = open(args[0], O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	say_result(fd < 0 ? fd : flock(fd, LOCK_EX | LOCK_NB));
}

static void verb_mkdir(char **args)
{
	say_result(mkdir(args[0], 0755));
}

static void verb_rm(char **args)
{
	int result = unlink(args[0]);

	if (result && errno == EISDIR)
		result = rmdir(args[0]);
	say_result(result);
}

static void verb_readlink(char **args)
{
	const char *text = link_text(args[0]);

	if (text)
		printf("readlink: %s\n", text);
	else
		say_errno();
}

static void verb_symlink(char **args)
{
	say_result(symlink(args[0], args[1]));
}

static void verb_chmod(char **args)
{
	say_result(chmod(args[1], (mode_t)number(args[0])));
}

static const struct word file_types[] = {
	{ "file", S_IFREG }, { "dir", S_IFDIR },  { "link", S_IFLNK }, { "char", S_IFCHR },
	{ "block", S_IFBLK }, { "fifo", S_IFIFO }, { "socket", S_IFSOCK },
};

static void say_stat(const char *prefix, const struct stat *st)
{
	const char *type = word_name(file_types, COUNT(file_types), st->st_mode & S_IFMT);

	printf("%s: %s%s %04o %u:%u", verb_name, prefix, type ? type : "?", st->st_mode & 07777,
	       st->st_uid, st->st_gid);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		printf(" dev=%u:%u", major(st->st_rdev), minor(st->st_rdev));
	if (S_ISREG(st->st_mode))
		printf(" size=%lld", (long long)st->st_size);
	printf("\n");
}

static void verb_stat(char **args)
{
	struct stat st;

	if (lstat(args[0], &st))
		say_errno();
	else
		say_stat("", &st);
}

static void verb_inode(char **args)
{
	struct stat st;

	if (stat(args[0], &st))
		say_errno();
	else
		printf("inode: %llu:%llu\n", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
}

static void verb_statfs(char **args)
{
	struct statfs fs;

	if (statfs(args[0], &fs))
		say_errno();
	else
		printf("statfs: type=%lx size=%llu inodes=%llu\n", (unsigned long)fs.f_type,
		       (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_bsize,
		       (unsigned long long)fs.f_files);
}

static const struct word open_flags[] = {
	{ "r", O_RDONLY }, { "w", O_WRONLY }, { "rw", O_RDWR }, { "creat", O_CREAT },
	{ "excl", O_EXCL }, { "trunc", O_TRUNC }, { "append", O_APPEND }, { "dir", O_DIRECTORY },
	{ "path", O_PATH }, { "nofollow", O_NOFOLLOW }, { "nonblock", O_NONBLOCK },
	{ "tmpfile", O_TMPFILE },
};

static void verb_open(char **args)
{
	int flags = O_CLOEXEC | O_NOCTTY, fd;

	for (char *word = strtok(args[1], ","); word; word = strtok(NULL, ","))
		flags |= (int)word_value(open_flags, COUNT(open_flags), word, 0);
	fd = open(args[0], flags, 0644);
	say_result(fd);
	if (fd >= 0)
		close(fd);
}

static void verb_unmount(char **args)
{
	say_result(umount2(args[0], MNT_DETACH));
}

static void verb_run(char **args)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execv(args[0], args);
		printf("run: %s\n", errno_name(errno));
		fflush(stdout);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		say_errno();
	else if (WIFSIGNALED(status))
		printf("run: killed SIG%s\n", sigabbrev_np(WTERMSIG(status)));
	else
		printf("run: %d\n", WEXITSTATUS(status));
}

/* ---- the process itself ------------------------------------------------------------------ */

static void verb_status(char **args)
{
	char *value = status_field("/proc/self/status", args[0]);

	if (value)
		printf("status: %s\n", value);
	else
		say_errno();
}

/* Read with system calls, so that it also works where /proc is not mounted. */
static void verb_caps(char **args)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t bounding = 0, ambient = 0;

	(void)args;
	if (syscall(SYS_capget, &header, data)) {
		say_errno();
		return;
	}
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap) == 1)
			bounding |= 1ULL << cap;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			ambient |= 1ULL << cap;
	}
#define WIDE(set) ((unsigned long long)data[1].set << 32 | data[0].set)
	printf("caps: bounding %016llx\ncaps: effective %016llx\ncaps: permitted %016llx\n"
	       "caps: inheritable %016llx\ncaps: ambient %016llx\n",
	       (unsigned long long)bounding, WIDE(effective), WIDE(permitted), WIDE(inheritable),
	       (unsigned long long)ambient);
#undef WIDE
	printf("caps: securebits %x\ncaps: keepcaps %d\n", prctl(PR_GET_SECUREBITS),
	       prctl(PR_GET_KEEPCAPS));
}

static void verb_ids(char **args)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;

	(void)args;
	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	printf("ids: uid %u %u %u gid %u %u %u\n", r, e, s, gr, ge, gs);
}

static int by_gid(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return (x > y) - (x < y);
}

static void verb_groups(char **args)
{
	gid_t groups[65536];
	int count = getgroups(COUNT(groups), groups);

	(void)args;
	if (count < 0) {
		say_errno();
		return;
	}
	qsort(groups, (size_t)count, sizeof(groups[0]), by_gid);
	printf("groups:");
	for (int i = 0; i < count; i++)
		printf(" %u", groups[i]);
	printf("\n");
}

static void verb_umask(char **args)
{
	mode_t mask = umask(0);

	(void)args;
	umask(mask);
	printf("umask: %04o\n", mask);
}

static void verb_cwd(char **args)
{
	char path[4096];
	/* The system call, not getcwd(3): an unreachable directory must show as it is. */
	long n = syscall(SYS_getcwd, path, sizeof(path));

	(void)args;
	if (n < 0)
		say_errno();
	else
		printf("cwd: %s\n", path);
}

extern char **environ;

static void verb_env(char **args)
{
	(void)args;
	for (char **entry = environ; *entry; entry++)
		printf("env: %s\n", *entry);
}

static char **all_args;

static void verb_args(char **args)
{
	(void)args;
	for (char **arg = all_args; *arg; arg++)
		printf("args: %s\n", *arg);
}

static void verb_fds(char **args)
{
	struct rlimit limit;
	int last = 65536;

	(void)args;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_max < 65536)
		last = (int)limit.rlim_max;
	for (int fd = 0; fd < last; fd++) {
		char path[64];
		const char *target;

		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		target = link_text(path);
		printf("fds: %d %s\n", fd, target ? target : "?");
	}
}

static void verb_fdstat(char **args)
{
	struct stat st;
	char prefix[32];

	(void)args;
	for (int fd = 0; fd < 3; fd++) {
		snprintf(prefix, sizeof(prefix), "%d ", fd);
		if (fstat(fd, &st))
			printf("fdstat: %d %s\n", fd, errno_name(errno));
		else
			say_stat(prefix, &st);
	}
}

/* ---- namespaces and mounts --------------------------------------------------------------- */

/*
 * /proc/self/mountinfo without its numbers: where, per-mount options, file system type,
 * propagation (names only), source, super options.
 */
static void verb_mounts(char **args)
{
	char *text = file_text("/proc/self/mountinfo");

	if (!text) {
		say_errno();
		return;
	}
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *field[64], *propagation = NULL, buffer[256] = "";
		size_t n = 0, dash = 0;

		for (char *inner = NULL, *word = strtok_r(line, " ", &inner);
		     word && n < COUNT(field); word = strtok_r(NULL, " ", &inner)) {
			if (!strcmp(word, "-") && !dash)
				dash = n;
			field[n++] = word;
		}
		if (dash < 6 || n < dash + 3)
			continue;
		if (args[0] && strcmp(args[0], field[4]))
			continue;
		for (size_t i = 6; i < dash; i++) {
			propagation = strtok(field[i], ":");
			snprintf(buffer + strlen(buffer), sizeof(buffer) - strlen(buffer), "%s%s",
				 *buffer ? "," : "", propagation);
		}
		printf("mounts: %s %s %s %s %s %s root=%s\n", field[4], field[5], field[dash + 1],
		       *buffer ? buffer : "private", field[dash + 2],
		       n > dash + 3 ? field[dash + 3] : "-", field[3]);
	}
}

static void verb_ns(char **args)
{
	static const char *const kinds[] = { "cgroup", "ipc", "mnt", "net", "pid", "time",
					     "user", "uts" };

	(void)args;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		char path[64];
		const char *target;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		target = link_text(path);
		printf("ns: %s\n", target ? target : errno_name(errno));
	}
}

static void verb_hostname(char **args)
{
	struct utsname name;

	(void)args;
	uname(&name);
	printf("hostname: %s\n", name.nodename);
}

static void verb_domainname(char **args)
{
	struct utsname name;

	(void)args;
	uname(&name);
	printf("domainname: %s\n", name.domainname);
}

static void verb_machine(char **args)
{
	struct utsname name;

	(void)args;
	uname(&name);
	printf("machine: %s\n", name.machine);
}

static void verb_sysctl(char **args)
{
	char path[512];

	snprintf(path, sizeof(path), "/proc/sys/%s", args[0]);
	for (char *c = path + strlen("/proc/sys/"); *c; c++)
		if (*c == '.')
			*c = '/';
	say_file(path);
}

static void verb_uidmap(char **args)
{
	(void)args;
	say_file("/proc/self/uid_map");
}

static void verb_gidmap(char **args)
{
	(void)args;
	say_file("/proc/self/gid_map");
}

static void verb_time(char **args)
{
	struct timespec monotonic, boottime;

	(void)args;
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_BOOTTIME, &boottime);
	printf("time: monotonic %lld boottime %lld\n", (long long)monotonic.tv_sec,
	       (long long)boottime.tv_sec);
}

static void verb_offsets(char **args)
{
	(void)args;
	say_file("/proc/self/timens_offsets");
}

static void list_devices(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char child[4352];
		struct stat st;
		const char *name = entries[i]->d_name;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, name);
		if (lstat(child, &st))
			continue;
		if (S_ISLNK(st.st_mode)) {
			const char *target = link_text(child);

			printf("dev: %s -> %s\n", child, target ? target : "?");
		} else if (S_ISDIR(st.st_mode)) {
			list_devices(child);
		} else {
			char prefix[4400];

			snprintf(prefix, sizeof(prefix), "%s ", child);
			say_stat(prefix, &st);
		}
	}
	if (count < 0)
		printf("dev: %s %s\n", path, errno_name(errno));
}

static void verb_dev(char **args)
{
	list_devices(args[0] ? args[0] : "/dev");
}

/* ---- limits and scheduling --------------------------------------------------------------- */

static const struct word limits[] = {
	{ "AS", RLIMIT_AS }, { "CORE", RLIMIT_CORE }, { "CPU", RLIMIT_CPU },
	{ "DATA", RLIMIT_DATA }, { "FSIZE", RLIMIT_FSIZE }, { "LOCKS", RLIMIT_LOCKS },
	{ "MEMLOCK", RLIMIT_MEMLOCK }, { "MSGQUEUE", RLIMIT_MSGQUEUE }, { "NICE", RLIMIT_NICE },
	{ "NOFILE", RLIMIT_NOFILE }, { "NPROC", RLIMIT_NPROC }, { "RSS", RLIMIT_RSS },
	{ "RTPRIO", RLIMIT_RTPRIO }, { "RTTIME", RLIMIT_RTTIME },
	{ "SIGPENDING", RLIMIT_SIGPENDING }, { "STACK", RLIMIT_STACK },
};

static void verb_rlimits(char **args)
{
	for (size_t i = 0; i < COUNT(limits); i++) {
		struct rlimit limit;

		if (args[0] && strcmp(args[0], limits[i].name))
			continue;
		if (getrlimit((__rlimit_resource_t)limits[i].value, &limit))
			printf("rlimits: %s %s\n", limits[i].name, errno_name(errno));
		else
			printf("rlimits: %s %llu %llu\n", limits[i].name,
			       (unsigned long long)limit.rlim_cur,
			       (unsigned long long)limit.rlim_max);
	}
}

static const struct word policies[] = {
	{ "OTHER", SCHED_OTHER }, { "FIFO", SCHED_FIFO }, { "RR", SCHED_RR },
	{ "BATCH", SCHED_BATCH }, { "IDLE", SCHED_IDLE }, { "DEADLINE", 6 },
};

static void verb_sched(char **args)
{
	struct sched_param param = { 0 };
	int policy = sched_getscheduler(0);
	const char *name = word_name(policies, COUNT(policies), policy & ~SCHED_RESET_ON_FORK);

	(void)args;
	sched_getparam(0, &param);
	errno = 0;
	printf("sched: %s priority %d nice %d%s\n", name ? name : "?", param.sched_priority,
	       getpriority(PRIO_PROCESS, 0), policy & SCHED_RESET_ON_FORK ? " reset-on-fork" : "");
}

static void verb_ioprio(char **args)
{
	long value = syscall(SYS_ioprio_get, 1, 0);
	static const char *const classes[] = { "NONE", "RT", "BE", "IDLE" };

	(void)args;
	if (value < 0)
		say_errno();
	else
		printf("ioprio: %s %ld\n", classes[value >> 13 & 3], value & 0x1fff);
}

static void verb_affinity(char **args)
{
	cpu_set_t set;

	(void)args;
	if (sched_getaffinity(0, sizeof(set), &set)) {
		say_errno();
		return;
	}
	printf("affinity:");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			printf(" %d", cpu);
	printf("\n");
}

static void verb_mempolicy(char **args)
{
	unsigned long nodes[16] = { 0 };
	int mode = 0;

	(void)args;
	if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof(nodes) * 8, NULL, 0) < 0)
		say_errno();
	else
		printf("mempolicy: mode %d flags %#x nodes %#lx\n", mode & 0xfff, mode & ~0xfff,
		       nodes[0]);
}

static void verb_oom(char **args)
{
	(void)args;
	say_file("/proc/self/oom_score_adj");
}

static void verb_cgroup(char **args)
{
	char path[4096];

	if (!args[0]) {
		say_file("/proc/self/cgroup");
		return;
	}
	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", args[0]);
	say_file(path);
}

static void verb_pdeath(char **args)
{
	int sig = 0;

	(void)args;
	prctl(PR_GET_PDEATHSIG, &sig);
	printf("pdeath: %d\n", sig);
}

static void verb_dumpable(char **args)
{
	(void)args;
	printf("dumpable: %d\n", prctl(PR_GET_DUMPABLE));
}

static void verb_nnp(char **args)
{
	(void)args;
	printf("nnp: %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void verb_seccomp(char **args)
{
	char *mode = status_field("/proc/self/status", "Seccomp");

	(void)args;
	printf("seccomp: %s\n", mode ? mode : "?");
}

static void verb_label(char **args)
{
	(void)args;
	say_file("/proc/self/attr/current");
}

static void verb_exe(char **args)
{
	char path[64];
	const char *target;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/exe", args[0] ? args[0] : "self");
	target = link_text(path);
	printf("exe: %s\n", target ? target : errno_name(errno));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	printf("exe: write %s\n", fd < 0 ? errno_name(errno) : "ok");
	if (fd >= 0)
		close(fd);
}

static void verb_pid(char **args)
{
	(void)args;
	printf("pid: %d parent %d session %d group %d\n", getpid(), getppid(), getsid(0),
	       getpgrp());
}

static void verb_comm(char **args)
{
	(void)args;
	say_file("/proc/self/comm");
}

static void verb_procs(char **args)
{
	struct dirent **entries;
	int count = scandir("/proc", &entries, NULL, alphasort);

	(void)args;
	if (count < 0)
		say_errno();
	for (int i = 0; i < count; i++) {
		char path[300];
		char *text;

		if (entries[i]->d_name[0] < '1' || entries[i]->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entries[i]->d_name);
		text = file_text(path);
		if (text)
			printf("procs: %s %s", entries[i]->d_name, text);
	}
}

static void verb_personality(char **args)
{
	(void)args;
	printf("personality: %lx\n", syscall(SYS_personality, 0xffffffff));
}

/* ---- signals ----------------------------------------------------------------------------- */

/* What a program inherits: blocked signals, ignored ones, and none caught. */
static void verb_signals(char **args)
{
	char *value;

	(void)args;
	value = status_field("/proc/self/status", "SigBlk");
	printf("signals: blocked %s\n", value ? value : "?");
	value = status_field("/proc/self/status", "SigIgn");
	printf("signals: ignored %s\n", value ? value : "?");
	value = status_field("/proc/self/status", "SigCgt");
	printf("signals: caught %s\n", value ? value : "?");
}

static int signal_number(const char *name)
{
	if (!strncmp(name, "SIG", 3))
		name += 3;
	for (int sig = 1; sig < NSIG; sig++) {
		const char *known = sigabbrev_np(sig);

		if (known && !strcmp(known, name))
			return sig;
	}
	return (int)number(name);
}

static void verb_ignore(char **args)
{
	signal(signal_number(args[0]), SIG_IGN);
	printf("ignore: ok\n");
}

static void verb_kill(char **args)
{
	say_result(kill((pid_t)number(args[0]), signal_number(args[1])));
}

static void leave_terminated(int sig)
{
	_exit(128 + sig);
}

/* Stays until SIGTERM, which pid 1 would ignore without a handler; reaps what it is given. */
static void verb_wait(char **args)
{
	signal(SIGTERM, leave_terminated);
	printf("%s\n", args[0] ? args[0] : "wait: ready");
	fflush(stdout);
	for (;;)
		if (waitpid(-1, NULL, 0) < 0)
			pause();
}

/* Names every signal that arrives; the one named as argument ends it. */
static void verb_trap(char **args)
{
	sigset_t all;
	int last = args[0] ? signal_number(args[0]) : SIGTERM;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	printf("trap: ready\n");
	for (int sig = 0; sig != last;) {
		fflush(stdout);
		sig = sigwaitinfo(&all, NULL);
		if (sig > 0)
			printf("trap: SIG%s\n", sigabbrev_np(sig) ? sigabbrev_np(sig) : "?");
	}
}

/* ---- terminals --------------------------------------------------------------------------- */

static void verb_tty(char **args)
{
	(void)args;
	for (int fd = 0; fd < 3; fd++) {
		char path[64];
		struct winsize size = { 0 };
		struct stat st;
		const char *target;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		target = link_text(path);
		if (!isatty(fd)) {
			printf("tty: %d no\n", fd);
			continue;
		}
		ioctl(fd, TIOCGWINSZ, &size);
		fstat(fd, &st);
		printf("tty: %d %s %ux%u uid %u\n", fd, target ? target : "?", size.ws_row,
		       size.ws_col, st.st_uid);
	}
	printf("tty: session %s leader %s foreground %s\n",
	       getsid(0) == getpid() ? "own" : "other", getpgrp() == getpid() ? "yes" : "no",
	       tcgetpgrp(0) == getpgrp() ? "yes" : "no");
	{
		int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

		printf("tty: controlling %s\n", fd < 0 ? errno_name(errno) : "yes");
		if (fd >= 0)
			close(fd);
	}
}

static void verb_isatty(char **args)
{
	printf("isatty: %s\n", isatty((int)number(args[0])) ? "yes" : "no");
}

static void verb_tiocsti(char **args)
{
	char c = args[0][0];

	say_result(ioctl(0, TIOCSTI, &c));
}

/* ---- what the kernel lets it do ---------------------------------------------------------- */

static const struct word families[] = {
	{ "AF_UNIX", AF_UNIX }, { "AF_INET", AF_INET }, { "AF_INET6", AF_INET6 },
	{ "AF_NETLINK", AF_NETLINK }, { "AF_PACKET", AF_PACKET }, { "AF_ALG", AF_ALG },
	{ "AF_VSOCK", AF_VSOCK },
};

static const struct word spaces[] = {
	{ "user", CLONE_NEWUSER }, { "mnt", CLONE_NEWNS }, { "pid", CLONE_NEWPID },
	{ "net", CLONE_NEWNET }, { "ipc", CLONE_NEWIPC }, { "uts", CLONE_NEWUTS },
	{ "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME },
};

static long try_unshare(char **args)
{
	return unshare((int)word_value(spaces, COUNT(spaces), args[0] ? args[0] : "user", 0));
}

/* A proc of one's own in a user namespace: allowed only to who sees a whole one already. */
static long try_bareproc(char **args)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		_exit(mount("proc", args[0] ? args[0] : "/tmp", "proc", 0, NULL) ? errno : 0);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

static long try_clone3(char **args)
{
	struct clone_args clone = { .exit_signal = SIGCHLD };
	long pid;

	if (args[0])
		clone.flags = (uint64_t)word_value(spaces, COUNT(spaces), args[0], 0);
	pid = syscall(SYS_clone3, &clone, sizeof(clone));
	if (pid == 0)
		_exit(0);
	return pid;
}

static long try_mount(char **args)
{
	return mount("tmpfs", args[0] ? args[0] : "/tmp", "tmpfs", 0, NULL);
}

static long try_remount(char **args)
{
	return mount(NULL, args[0] ? args[0] : "/", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static long try_umount(char **args)
{
	return umount2(args[0] ? args[0] : "/proc", MNT_DETACH);
}

static long try_mknod(char **args)
{
	mode_t type = args[0] && args[0][0] == 'b' ? S_IFBLK : S_IFCHR;
	const char *path = args[0] && args[1] && args[2] && args[3] ? args[3] : "/tmp/try-mknod";
	long result;

	if (!args[0] || !args[1] || !args[2]) {
		errno = EINVAL;
		return -1;
	}
	result = mknod(path, type | 0600, makedev((unsigned)number(args[1]),
						  (unsigned)number(args[2])));
	if (!result && !(args[3]))
		unlink(path);
	return result;
}

static long try_socket(char **args)
{
	long family = word_value(families, COUNT(families), args[0] ? args[0] : "AF_INET", -1);
	int type = family == AF_ALG ? SOCK_SEQPACKET :
		   family == AF_PACKET || family == AF_NETLINK ? SOCK_RAW : SOCK_STREAM;

	return socket((int)family, type, 0);
}

/* ADDRESS PORT, over TCP. */
static long with_address(char **args, int (*call)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (!args[0] || !args[1] || inet_pton(AF_INET, args[0], &in.sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	in.sin_port = htons((uint16_t)number(args[1]));
	return call(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&in, sizeof(in));
}

static long try_connect(char **args)
{
	return with_address(args, connect);
}

static long try_bind(char **args)
{
	return with_address(args, bind);
}

/* PATH: to a socket of the file system. */
static long try_local(char **args)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", args[0] ? args[0] : "");
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&un, sizeof(un));
}

static long try_ptrace(char **args)
{
	long pid = args[0] ? number(args[0]) : 1;

	return ptrace(PTRACE_SEIZE, (pid_t)pid, NULL, NULL);
}

static long try_keyctl(char **args)
{
	(void)args;
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

/* Finds a key by name in the session keyring: what a leaked keyring would allow. */
static long try_key(char **args)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user",
		       args[0] ? args[0] : "", 0);
}

static long try_io_uring_setup(char **args)
{
	struct io_uring_params params = { 0 };

	(void)args;
	return syscall(SYS_io_uring_setup, 4, &params);
}

static long try_setns(char **args)
{
	int fd = open(args[0] ? args[0] : "/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : setns(fd, 0);
}

static long try_personality(char **args)
{
	return personality(args[0] ? (unsigned long)number(args[0]) : 0);
}

static long try_sethostname(char **args)
{
	const char *name = args[0] ? args[0] : "changed";

	return sethostname(name, strlen(name));
}

static long try_chroot(char **args)
{
	return chroot(args[0] ? args[0] : "/");
}

static long try_setuid(char **args)
{
	return setuid(args[0] ? (uid_t)number(args[0]) : 0);
}

static long try_setgroups(char **args)
{
	gid_t group = args[0] ? (gid_t)number(args[0]) : 0;

	return syscall(SYS_setgroups, 1, &group);
}

static long try_bpf(char **args)
{
	unsigned char attr[128] = { 0 };

	(void)args;
	return syscall(SYS_bpf, 0, attr, sizeof(attr));
}

static long try_raw(char **args)
{
	unsigned long a[6] = { 0 };

	if (!args[0]) {
		errno = EINVAL;
		return -1;
	}
	for (int i = 0; i < 6 && args[1 + i]; i++)
		a[i] = strtoul(args[1 + i], NULL, 0);
	return syscall(number(args[0]), a[0], a[1], a[2], a[3], a[4], a[5]);
}

#ifdef __x86_64__
/* The 32-bit entry of the kernel, reached from a 64-bit program. */
static long try_int80(char **args)
{
	long result = args[0] ? number(args[0]) : 20;

	__asm__ volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	/* int 0x80 gives a negative errno in 32 bits. */
	result = (int)result;
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static long try_x32(char **args)
{
	return syscall((args[0] ? number(args[0]) : 39) | 0x40000000);
}
#endif

struct attempt {
	const char *name;
	long (*run)(char **args);
};

static const struct attempt attempts[] = {
	{ "bareproc", try_bareproc },
	{ "bind", try_bind },
	{ "bpf", try_bpf },
	{ "chroot", try_chroot },
	{ "clone3", try_clone3 },
#ifdef __x86_64__
	{ "int80", try_int80 },
#endif
	{ "connect", try_connect },
	{ "io_uring_setup", try_io_uring_setup },
	{ "key", try_key },
	{ "keyctl", try_keyctl },
	{ "local", try_local },
	{ "mknod", try_mknod },
	{ "mount", try_mount },
	{ "personality", try_personality },
	{ "ptrace", try_ptrace },
	{ "raw", try_raw },
	{ "remount", try_remount },
	{ "setgroups", try_setgroups },
	{ "sethostname", try_sethostname },
	{ "setns", try_setns },
	{ "setuid", try_setuid },
	{ "socket", try_socket },
	{ "umount", try_umount },
	{ "unshare", try_unshare },
#ifdef __x86_64__
	{ "x32", try_x32 },
#endif
};

/*
 * Each attempt is made by a child, so that what succeeds does not change the next verb and what
 * is punished by a signal can still be told.
 */
static void verb_try(char **args)
{
	const struct attempt *attempt = NULL;
	int status;
	pid_t pid;

	for (size_t i = 0; i < COUNT(attempts); i++)
		if (!strcmp(attempts[i].name, args[0]))
			attempt = &attempts[i];
	if (!attempt) {
		fprintf(stderr, "probe: try: nothing is called \"%s\"\n", args[0]);
		exit(64);
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		long result;

		errno = 0;
		result = attempt->run(args + 1);
		_exit(result < 0 ? errno & 0xff : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		printf("try: %s: fork: %s\n", args[0], errno_name(errno));
	else if (WIFSIGNALED(status))
		printf("try: %s: killed SIG%s\n", args[0], sigabbrev_np(WTERMSIG(status)));
	else
		printf("try: %s: %s\n", args[0],
		       WEXITSTATUS(status) ? errno_name(WEXITSTATUS(status)) : "ok");
}

/* ---- load -------------------------------------------------------------------------------- */

/* Children that stay until the probe ends; says how many there are. */
static void verb_fork(char **args)
{
	long want = number(args[0]), made = 0;
	const char *why = "ok";

	fflush(stdout);
	while (made < want) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		if (pid < 0) {
			why = errno_name(errno);
			break;
		}
		made++;
	}
	printf("fork: %ld %s\n", made, why);
}

/* Everybody forks until nobody can, and then stays. */
static void verb_bomb(char **args)
{
	(void)args;
	printf("bomb: lit\n");
	fflush(stdout);
	while (fork() >= 0)
		;
	for (;;)
		pause();
}

static void verb_hog(char **args)
{
	size_t size = (size_t)number(args[0]) << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		say_errno();
		return;
	}
	for (size_t at = 0; at < size; at += 4096)
		memory[at] = 1;
	printf("hog: ok\n");
}

/* Pages that are reserved by the mapping and taken by the first touch. */
static void verb_huge(char **args)
{
	size_t size = (size_t)number(args[0]) << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (memory == MAP_FAILED) {
		say_errno();
		return;
	}
	for (size_t at = 0; at < size; at += 4096)
		memory[at] = 1;
	printf("huge: ok\n");
}

/* Past the page cache, so that a limit on the device is a limit on us. */
static void verb_disk(char **args)
{
	static _Alignas(4096) char block[1 << 18];
	struct timespec start, now;
	long left = number(args[1]) * (1 << 20) / (long)sizeof(block);
	int fd = open(args[0], O_RDONLY | O_DIRECT | O_CLOEXEC);

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (fd >= 0 && left && read(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
		left--;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (fd < 0 || left)
		say_errno();
	else
		printf("disk: %lld ms\n", (long long)(now.tv_sec - start.tv_sec) * 1000 +
		       (now.tv_nsec - start.tv_nsec) / 1000000);
}

static void verb_cpu(char **args)
{
	struct timespec start, now, used;
	long want = number(args[0]);

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < want);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	printf("cpu: %lld of %ld ms\n",
	       (long long)used.tv_sec * 1000 + used.tv_nsec / 1000000, want);
}

static void verb_sleep(char **args)
{
	double seconds = strtod(args[0], NULL);
	struct timespec left = { (time_t)seconds,
				 (long)((seconds - (double)(time_t)seconds) * 1e9) };

	fflush(stdout);
	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* ---- being a bad neighbour --------------------------------------------------------------- */

/* Says a thing once: a hunt sees the same file thousands of times. */
static void say_once(const char *what, const char *text)
{
	static char seen[256][512];
	static size_t count;
	char line[512];

	snprintf(line, sizeof(line), "%s %.480s", what, text);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(seen[i], line))
			return;
	if (count < COUNT(seen))
		strcpy(seen[count++], line);
	printf("hunt: %s\n", line);
}

/*
 * What a container that waits for a runtime to enter it would do: look at every process that
 * appears, at its open files, and try to write to its program.
 */
static void hunt_process(const char *pid)
{
	char path[300];
	const char *target;
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	target = link_text(path);
	if (target)
		say_once("exe", target);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		say_once("opened", target ? target : "?");
		close(fd);
	}
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char link[600];

		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		target = entry->d_name[0] == '.' ? NULL : link_text(link);
		if (target && (target[0] == '/' || target[0] == '('))
			say_once("fd", target);
	}
	if (dir)
		closedir(dir);
}

static void verb_hunt(char **args)
{
	struct timespec start, now;
	long want = number(args[0]);
	char self[32];

	snprintf(self, sizeof(self), "%d", getpid());
	printf("hunt: ready\n");
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		struct dirent *entry;
		DIR *dir = opendir("/proc");

		while (dir && (entry = readdir(dir)))
			if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			    strcmp(entry->d_name, self))
				hunt_process(entry->d_name);
		if (dir)
			closedir(dir);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 <
		 want && access("/tmp/enough", F_OK));
	printf("hunt: over\n");
}

/* ---- talking with the test --------------------------------------------------------------- */

static void verb_echo(char **args)
{
	for (char **word = args; *word; word++)
		printf("%s%s", word == args ? "" : " ", *word);
	printf("\n");
}

static void verb_stderr(char **args)
{
	fprintf(stderr, "%s\n", args[0]);
}

static void verb_readline(char **args)
{
	char line[4096];

	(void)args;
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		snprintf(line, sizeof(line), "end\n");
	printf("readline: %s", line);
}

/* Until a path exists; the test makes it from outside. */
static void verb_await(char **args)
{
	struct timespec step = { 0, 5000000 };

	fflush(stdout);
	for (int i = 0; i < 4000; i++) {
		if (!access(args[0], F_OK)) {
			printf("await: ok\n");
			return;
		}
		nanosleep(&step, NULL);
	}
	printf("await: ETIMEDOUT\n");
}

/* What the verbs after this one say goes to a file: for hooks, whose stdout nobody reads. */
static void verb_into(char **args)
{
	int fd = open(args[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	fflush(stdout);
	if (fd < 0 || dup2(fd, 1) < 0) {
		say_errno();
		return;
	}
	close(fd);
}

/* Everything on stdin, until its end. */
static void verb_stdin(char **args)
{
	static char text[1 << 20];
	size_t n = fread(text, 1, sizeof(text) - 1, stdin);

	(void)args;
	text[n] = '\0';
	printf("stdin: %s%s", text, n && text[n - 1] == '\n' ? "" : "\n");
}

static void verb_flood(char **args)
{
	long want = number(args[0]);
	char block[1024];

	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\n';
	for (long done = 0; done < want; done += (long)sizeof(block))
		fwrite(block, 1, sizeof(block), stdout);
}

static void verb_exit(char **args)
{
	exit_status = (int)number(args[0]);
	fflush(stdout);
	_exit(exit_status);
}

static void verb_abort(char **args)
{
	(void)args;
	fflush(stdout);
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* ---- the table --------------------------------------------------------------------------- */

#define MANY 1000

struct verb {
	const char *name;
	int least, most;
	void (*run)(char **args);
	const char *help;
};

static const struct verb verbs[] = {
	{ "abort", 0, 0, verb_abort, "end by SIGABRT" },
	{ "affinity", 0, 0, verb_affinity, "CPUs it may use" },
	{ "append", 2, 2, verb_append, "PATH TEXT" },
	{ "args", 0, 0, verb_args, "its own arguments, one a line" },
	{ "await", 1, 1, verb_await, "PATH: wait until it exists" },
	{ "bomb", 0, 0, verb_bomb, "fork in every process until nobody can, and stay" },
	{ "caps", 0, 0, verb_caps, "the five capability sets" },
	{ "cat", 1, 1, verb_cat, "PATH" },
	{ "cgroup", 0, 1, verb_cgroup, "[FILE]: its path, or a file of /sys/fs/cgroup" },
	{ "chmod", 2, 2, verb_chmod, "MODE PATH" },
	{ "comm", 0, 0, verb_comm, "its name in the kernel" },
	{ "cpu", 1, 1, verb_cpu, "MS: keep a CPU busy" },
	{ "cwd", 0, 0, verb_cwd, "current directory" },
	{ "dev", 0, 1, verb_dev, "[DIR]: nodes and links below" },
	{ "disk", 2, 2, verb_disk, "PATH MIB: read past the cache, and the time" },
	{ "domainname", 0, 0, verb_domainname, "NIS domain name" },
	{ "dumpable", 0, 0, verb_dumpable, "PR_GET_DUMPABLE" },
	{ "echo", 0, MANY, verb_echo, "TEXT..." },
	{ "env", 0, 0, verb_env, "the environment, one a line" },
	{ "exe", 0, 1, verb_exe, "[PID]: link of /proc/PID/exe, and can it be written" },
	{ "exit", 1, 1, verb_exit, "STATUS" },
	{ "fds", 0, 0, verb_fds, "open file descriptors" },
	{ "fdstat", 0, 0, verb_fdstat, "stat of 0, 1 and 2" },
	{ "flood", 1, 1, verb_flood, "BYTES on stdout" },
	{ "fork", 1, 1, verb_fork, "N children that stay" },
	{ "gidmap", 0, 0, verb_gidmap, "/proc/self/gid_map" },
	{ "groups", 0, 0, verb_groups, "supplementary groups, sorted" },
	{ "hog", 1, 1, verb_hog, "MIB of memory" },
	{ "hostname", 0, 0, verb_hostname, "node name" },
	{ "huge", 1, 1, verb_huge, "MIB of huge pages" },
	{ "hunt", 1, 1, verb_hunt, "MS: look at every process, until /tmp/enough exists" },
	{ "ids", 0, 0, verb_ids, "real, effective, saved uid and gid" },
	{ "ignore", 1, 1, verb_ignore, "SIGNAL" },
	{ "inode", 1, 1, verb_inode, "PATH: device:inode" },
	{ "into", 1, 1, verb_into, "PATH: say the rest there" },
	{ "ioprio", 0, 0, verb_ioprio, "I/O class and priority" },
	{ "isatty", 1, 1, verb_isatty, "FD" },
	{ "kill", 2, 2, verb_kill, "PID SIGNAL" },
	{ "label", 0, 0, verb_label, "security label" },
	{ "lock", 1, 1, verb_lock, "PATH: flock it and keep it" },
	{ "ls", 1, 1, verb_ls, "DIR: how many entries, and their names" },
	{ "machine", 0, 0, verb_machine, "uname -m" },
	{ "mempolicy", 0, 0, verb_mempolicy, "where its memory comes from" },
	{ "mkdir", 1, 1, verb_mkdir, "PATH" },
	{ "mounts", 0, 1, verb_mounts, "[PATH]: the mount table without numbers" },
	{ "nnp", 0, 0, verb_nnp, "no_new_privs" },
	{ "ns", 0, 0, verb_ns, "namespace links" },
	{ "offsets", 0, 0, verb_offsets, "time namespace offsets" },
	{ "oom", 0, 0, verb_oom, "oom_score_adj" },
	{ "open", 2, 2, verb_open, "PATH FLAG[,FLAG...]" },
	{ "pdeath", 0, 0, verb_pdeath, "parent death signal" },
	{ "personality", 0, 0, verb_personality, "execution domain" },
	{ "pid", 0, 0, verb_pid, "pid, parent, session, group" },
	{ "procs", 0, 0, verb_procs, "pids and names in /proc" },
	{ "put", 2, 2, verb_put, "PATH TEXT: write to a file that exists" },
	{ "readline", 0, 0, verb_readline, "a line from stdin" },
	{ "readlink", 1, 1, verb_readlink, "PATH" },
	{ "rlimits", 0, 1, verb_rlimits, "[NAME]: soft and hard limits" },
	{ "rm", 1, 1, verb_rm, "PATH" },
	{ "run", 1, MANY, verb_run, "PROGRAM ARG...: in a child, and its status" },
	{ "sched", 0, 0, verb_sched, "policy, priority, nice" },
	{ "seccomp", 0, 0, verb_seccomp, "0 none, 2 filter" },
	{ "signals", 0, 0, verb_signals, "blocked, ignored and caught signals" },
	{ "sleep", 1, 1, verb_sleep, "SECONDS" },
	{ "stat", 1, 1, verb_stat, "PATH: type mode uid:gid dev or size" },
	{ "statfs", 1, 1, verb_statfs, "PATH" },
	{ "status", 1, 1, verb_status, "FIELD of /proc/self/status" },
	{ "stderr", 1, 1, verb_stderr, "TEXT" },
	{ "stdin", 0, 0, verb_stdin, "all of stdin" },
	{ "symlink", 2, 2, verb_symlink, "TARGET PATH" },
	{ "sysctl", 1, 1, verb_sysctl, "KEY" },
	{ "time", 0, 0, verb_time, "monotonic and boot time, seconds" },
	{ "tiocsti", 1, 1, verb_tiocsti, "CHAR: push into the terminal's input" },
	{ "trap", 0, 1, verb_trap, "[LAST]: name the signals that arrive" },
	{ "try", 1, 12, verb_try, "SYSCALL ARG..." },
	{ "tty", 0, 0, verb_tty, "terminals on 0-2, session, controlling terminal" },
	{ "uidmap", 0, 0, verb_uidmap, "/proc/self/uid_map" },
	{ "umask", 0, 0, verb_umask, "file mode mask" },
	{ "unmount", 1, 1, verb_unmount, "PATH" },
	{ "wait", 0, 1, verb_wait, "[TEXT]: stay until SIGTERM" },
	{ "write", 2, 2, verb_write, "PATH TEXT: make or replace a file" },
};

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "probe: %s \"%s\"\n", why, what);
	for (size_t i = 0; i < COUNT(verbs); i++)
		fprintf(stderr, "  %-12s %s\n", verbs[i].name, verbs[i].help);
	return 64;
}

int main(int argc, char **argv)
{
	all_args = argv;
	for (int at = 1; at < argc;) {
		const struct verb *verb = NULL;
		char *args[MANY + 2] = { NULL };
		int count = 0;

		if (!strcmp(argv[at], ";")) {
			at++;
			continue;
		}
		for (size_t i = 0; i < COUNT(verbs); i++)
			if (!strcmp(verbs[i].name, argv[at]))
				verb = &verbs[i];
		if (!verb)
			return usage("unknown verb", argv[at]);
		for (at++; at < argc && strcmp(argv[at], ";") && count < MANY; at++)
			args[count++] = argv[at];
		if (count < verb->least || count > verb->most)
			return usage("wrong number of arguments for", verb->name);
		verb_name = verb->name;
		verb->run(args);
	}
	fflush(stdout);
	return exit_status;
}
