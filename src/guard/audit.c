/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Writing the audit log. A line is one write(2) behind the last complete one: what a
 * crash left of a line is cut off by the next writer, who says so. The head is written after the
 * line; one that is a line behind is what a crash in between leaves, and is put right by the next
 * writer before its own line, so that it never is further behind.
 */
#include "guard/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "guard/held.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "orlop/state.h"
#include "state/identity.h"

enum { LOCK_MS = 1000, LOCK_STEP_MS = 2, TEXT_MAX = 2048 };

/* Where the log ends. */
struct end {
	struct audit_head last;		/* number 0: there is no line yet */
	off_t size;			/* of the complete lines of the newest file */
	off_t torn;			/* bytes behind them */
	bool differs;			/* the head names another line */
	bool behind;			/* it names the line before the last: a crash */
	struct audit_head head;
};

const char audit_nothing[SHA256_HEX_SIZE] =
	"0000000000000000000000000000000000000000000000000000000000000000";

void audit_digest(const char *line, size_t len, char ret[SHA256_HEX_SIZE])
{
	unsigned char digest[SHA256_SIZE];
	struct sha256 sha;

	sha256_init(&sha);
	sha256_add(&sha, line, len);
	sha256_end(&sha, digest);
	sha256_hex(digest, ret);
}

uint64_t audit_number(const char *line)
{
	unsigned long long number;

	return sscanf(line, "{\"number\":%19llu,", &number) == 1 ? number : 0;
}

bool audit_head_read(const char *text, struct audit_head *ret)
{
	unsigned long long number;

	if (sscanf(text, "%20llu %64[0-9a-f]", &number, ret->digest) != 2 ||
	    strlen(ret->digest) != SHA256_HEX_SIZE - 1)
		return false;
	ret->number = number;
	return true;
}

const char *audit_file(unsigned n, char room[16])
{
	if (n == 0)
		return AUDIT_LOG;
	snprintf(room, 16, AUDIT_LOG ".%u", n);
	return room;
}

int audit_open(const char *root, bool make, bool shared, int timeout_ms, struct err *e)
{
	auto_fd int top = state_open_root(root, false, e);
	int64_t end = fd_now_ms() + timeout_ms;
	auto_fd int dir = -1;

	if (top < 0)
		return -1;
	if (make && mkdirat(top, AUDIT_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make the audit log of \"%.80s\"", root);
	dir = openat(top, AUDIT_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, "open the audit log of \"%.80s\"", root);
	while (flock(dir, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, "lock the audit log");
		if (fd_now_ms() >= end)
			return err_set(e, ERR_STATE, "the audit log is busy: another writer of it "
				       "hangs");
		poll(NULL, 0, LOCK_STEP_MS);
	}
	return take_fd(&dir);
}

/* ---- who asks ---- */

static int read_proc(pid_t pid, const char *name, char *bytes, size_t size)
{
	char path[48];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : file_read_fd(fd, bytes, size);
	/* The words of a command line are ended by NUL each. */
	for (ssize_t i = 0; i + 1 < n; i++)
		if (!bytes[i])
			bytes[i] = ' ';
	return n <= 0 ? -1 : 0;
}

const char *audit_caller(pid_t pid, pid_t parent, struct arena *a)
{
	struct emit m = EMIT_IN(a, 0);
	char bytes[512];

	emit_object(&m, NULL);
	emit_u64(&m, "uid", getuid());
	/* 4294967295 is the kernel's word for: nobody logged in. */
	if (read_proc(getpid(), "loginuid", bytes, sizeof(bytes)) == 0 &&
	    strcmp(bytes, "4294967295") != 0)
		emit_str(&m, "loginUid", bytes);
	emit_i64(&m, "pid", pid);
	emit_i64(&m, "parentPid", parent);
	if (read_proc(parent, "cmdline", bytes, sizeof(bytes)) == 0 ||
	    read_proc(parent, "comm", bytes, sizeof(bytes)) == 0)
		emit_str(&m, "parent", bytes);
	if (read_proc(getpid(), "cgroup", bytes, sizeof(bytes)) == 0)
		emit_str(&m, "cgroup", bytes);
	emit_end(&m);
	return emit_get(&m);
}

/* ---- the end of the log ---- */

/* The end of a file: where it begins, and the line breaks before and behind its last line. */
struct tail {
	char *bytes, *before, *behind;
	ssize_t len;
	off_t from;
};

static int read_tail(int fd, off_t size, off_t room, struct arena *a, struct tail *ret)
{
	ret->from = size > room ? size - room : 0;
	ret->bytes = arena_alloc(a, (size_t)room + 1);
	ret->len = pread(fd, ret->bytes, (size_t)room, ret->from);
	if (ret->len < 0)
		return -1;
	ret->behind = memrchr(ret->bytes, '\n', (size_t)ret->len);
	ret->before = ret->behind ? memrchr(ret->bytes, '\n',
					    (size_t)(ret->behind - ret->bytes)) : NULL;
	return 0;
}

/* The last complete line of a file, into `line`; its length, 0 for a file without one, -1. */
static ssize_t last_line(int fd, char line[AUDIT_LINE_MAX], off_t *ret_size, off_t *ret_torn)
{
	enum { USUAL = 4096 };		/* most lines have some hundred bytes */
	auto_arena a = ARENA_NONE;
	off_t size = lseek(fd, 0, SEEK_END);
	struct tail t;
	char *begin;

	*ret_size = *ret_torn = 0;
	if (size < 0 || read_tail(fd, size, USUAL, &a, &t) < 0 ||
	    (!t.before && t.from > 0 && read_tail(fd, size, 2 * AUDIT_LINE_MAX, &a, &t) < 0))
		return -1;
	*ret_torn = t.bytes + t.len - (t.behind ? t.behind + 1 : t.bytes);
	*ret_size = size - *ret_torn;
	if (!t.behind)
		return 0;
	begin = t.before ? t.before + 1 : t.bytes;
	if (t.behind - begin >= AUDIT_LINE_MAX)
		return 0;
	memcpy(line, begin, (size_t)(t.behind - begin));
	line[t.behind - begin] = '\0';
	return t.behind - begin;
}

static int find_end(int dir, int log, struct end *ret)
{
	char line[AUDIT_LINE_MAX], head[AUDIT_HEAD_LEN + 1];
	off_t size, torn;
	ssize_t len = last_line(log, line, &ret->size, &ret->torn);

	if (len < 0)
		return -1;
	if (len == 0) {		/* after a rotation the chain goes on from the file before */
		char room[16];
		auto_fd int before = file_open(dir, audit_file(1, room), O_RDONLY | O_NONBLOCK);

		len = before < 0 ? 0 : last_line(before, line, &size, &torn);
	}
	memcpy(ret->last.digest, audit_nothing, sizeof(audit_nothing));
	if (len > 0) {
		ret->last.number = audit_number(line);
		audit_digest(line, (size_t)len, ret->last.digest);
	}
	if (file_read(dir, AUDIT_HEAD, head, sizeof(head)) <= 0 ||
	    !audit_head_read(head, &ret->head))
		ret->head = (struct audit_head){ .number = 0 };
	ret->differs = ret->head.number != ret->last.number ||
		       (ret->head.number && strcmp(ret->head.digest, ret->last.digest) != 0);
	/* A crash between line and head: the line is the one after the head's, and names it. */
	ret->behind = ret->differs && ret->last.number == ret->head.number + 1 &&
		      (ret->head.number == 0 || strstr(line, ret->head.digest));
	ret->differs = ret->differs && !ret->behind;
	return 0;
}

static void rotate(int dir)
{
	char from[16], to[16];

	for (unsigned n = AUDIT_KEPT; n-- > 0;)
		renameat(dir, audit_file(n, from), dir, audit_file(n + 1, to));
}

/* ---- a line ---- */

static const char *cut(const char *text, struct arena *a)
{
	return strlen(text) <= TEXT_MAX ? text : arena_strndup(a, text, TEXT_MAX);
}

static void put_entry(struct emit *m, const struct audit_entry *entry, struct arena *a)
{
	char boot[BOOT_ID_LEN + 1];

	emit_str(m, "time", held_time(a));
	if (identity_boot(boot) == 0)
		emit_str(m, "boot", boot);
	emit_str(m, "operation", entry->operation);
	if (entry->id)
		emit_str(m, "id", cut(entry->id, a));
	emit_str(m, "result", entry->result);
	if (entry->detail)
		emit_str(m, "detail", cut(entry->detail, a));
	for (size_t i = 0; i < AUDIT_MEMBERS; i++)
		if (entry->more[i].value)
			emit_str(m, entry->more[i].name, cut(entry->more[i].value, a));
	emit_raw(m, "caller", entry->caller ? entry->caller : audit_caller(getpid(), getppid(), a));
}

static struct text make_line(const struct audit_entry *entry, const struct end *end,
			     struct arena *a)
{
	struct emit m = EMIT_IN(a, 0);

	emit_object(&m, NULL);
	emit_u64(&m, "number", end->last.number + 1);
	emit_str(&m, "before", end->last.digest);
	if (end->torn)
		emit_i64(&m, "torn", end->torn);
	if (end->differs)
		emit_str(&m, "headWas", arena_printf(a, "%llu %s",
						     (unsigned long long)end->head.number,
						     end->head.number ? end->head.digest : "-"));
	put_entry(&m, entry, a);
	emit_end(&m);
	text_puts(&m.text, "\n");
	return m.text;
}

static int write_head(int dir, uint64_t number, const char *digest)
{
	char text[AUDIT_HEAD_LEN + 1];
	auto_fd int fd = openat(dir, AUDIT_HEAD, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
				O_NONBLOCK, 0600);

	snprintf(text, sizeof(text), "%020llu %s\n", (unsigned long long)number, digest);
	return fd < 0 || pwrite(fd, text, AUDIT_HEAD_LEN, 0) != AUDIT_HEAD_LEN ? -1 : 0;
}

static int append(int dir, const struct audit_entry *entry, struct arena *a)
{
	static const int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	auto_fd int log = openat(dir, AUDIT_LOG, flags, 0600);
	struct end end = { .size = 0 };
	char digest[SHA256_HEX_SIZE];
	struct text line;

	if (log < 0 || find_end(dir, log, &end) < 0 ||
	    (end.behind && write_head(dir, end.last.number, end.last.digest) < 0))
		return -1;
	if (end.size >= AUDIT_FILE_MAX) {
		auto_close_fd(&log);
		rotate(dir);
		log = openat(dir, AUDIT_LOG, flags, 0600);
		if (log < 0)
			return -1;
	} else if (end.torn && ftruncate(log, end.size) < 0) {
		return -1;
	}
	line = make_line(entry, &end, a);
	/* A line of which a part was written is taken back, or else counts as torn. */
	if (fd_write_all(log, line.bytes, line.len) < 0) {
		int code = errno;

		if (ftruncate(log, end.size >= AUDIT_FILE_MAX ? 0 : end.size) == 0)
			errno = code;
		return -1;
	}
	fdatasync(log);		/* where the root is on a disk */
	audit_digest(line.bytes, line.len - 1, digest);
	return write_head(dir, end.last.number + 1, digest);
}

int audit_write(const char *root, const struct audit_entry *entry, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_fd int dir = audit_open(root, true, false, LOCK_MS, e);

	if (dir < 0)
		return err_in(e, "not in the audit log");
	if (append(dir, entry, &a) < 0) {
		err_sys(e, "write the audit log");
		return err_in(e, "not in the audit log");
	}
	return 0;
}
