/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Writing a set of evidence. Big files are hashed by a second thread (hasher.h), which
 * is begun with the first of them.
 */
#include "guard/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "guard/tar.h"
#include "orlop/auto.h"

enum {
	RESERVE_PERCENT = 5,
	ASK_AGAIN = 64 * 1024 * 1024,
	BIG = 512 * 1024,
	TELL_AFTER_MS = 500,
};

/* Of every disk that we write to this much stays free, or RESERVE_PERCENT where that is less. */
static const uint64_t reserve_most = 1024 * 1024 * 1024;
/* With less than this above the reserve nothing is begun. */
static const uint64_t least = 1024 * 1024;

static char zeros[64 * 1024];	/* not const: so it takes no room in the program */
static volatile sig_atomic_t interrupted;

void sink_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

uint64_t sink_now(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void hash(struct sink *s, const void *bytes, size_t len)
{
	hasher_wait(s->hasher);
	if (s->row.size < BIG || len < BIG / 8 || !hasher_begin(&s->hasher))
		sha256_add(&s->sum, bytes, len);
	else
		hasher_add(s->hasher, &s->sum, bytes, len);
}

void *sink_buffer(struct sink *s)
{
	void *buffer = hasher_buffer(&s->hasher);

	return buffer ? buffer : arena_alloc(s->arena, SINK_CHUNK);
}

/* ---- when to stop ------------------------------------------------------------------------ */

/* Asks the disk how much may be written before it is asked again. */
static bool has_room(struct sink *s)
{
	struct statvfs fs;
	uint64_t total, reserve, left;

	if (!s->bounded || fstatvfs(s->fd, &fs) < 0) {
		s->room = ASK_AGAIN;
		return true;
	}
	total = (uint64_t)fs.f_blocks * fs.f_frsize;
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	reserve = total / 100 * RESERVE_PERCENT;
	if (reserve > reserve_most)
		reserve = reserve_most;
	if (left < reserve + least)
		return false;
	s->room = left - reserve < ASK_AGAIN ? left - reserve : ASK_AGAIN;
	return true;
}

bool sink_is_over(struct sink *s)
{
	if (s->stopped)
		return true;
	if (interrupted)
		s->stopped = "interrupted";
	else if (s->end_ms && fd_now_ms() >= s->end_ms)
		s->stopped = "the budget is used up";
	return s->stopped;
}

static void tell(struct sink *s)
{
	int64_t now = fd_now_ms();

	if (now - s->told_ms < TELL_AFTER_MS)
		return;
	s->told_ms = now;
	if (s->progress)
		s->progress(s->stage, s->bytes);
}

const char *sink_wait(struct sink *s)
{
	tell(s);
	if (sink_is_over(s))
		return s->stopped;
	return has_room(s) ? NULL : "the disk is nearly full";
}

/* ---- files ------------------------------------------------------------------------------- */

static int refuse_full(const struct sink *s, struct err *e)
{
	err_set(e, ERR_STATE, "evidence \"%.200s\": the disk is nearly full", s->name);
	return err_hint(e, "write to another disk, or to standard output with -o -");
}

static int open_directory(struct sink *s, const char *output, struct err *e)
{
	auto_dir DIR *listing = NULL;
	auto_fd int again = -1;
	struct dirent *entry;
	struct stat st;

	if (mkdir(output, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "evidence \"%.200s\"", output);
	s->fd = open(output, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return err_sys(e, "evidence \"%.200s\"", output);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(e, ERR_POLICY, "evidence \"%.200s\": the directory is not private "
			       "(0700 and ours)", output);
	again = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	listing = again < 0 ? NULL : fdopendir(again);
	if (!listing)
		return err_sys(e, "evidence \"%.200s\"", output);
	take_fd(&again);		/* it is the listing's now */
	while ((entry = readdir(listing)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return err_set(e, ERR_STATE, "evidence \"%.200s\": the directory is not "
				       "empty", output);
	return 0;
}

int sink_open(struct sink *s, const char *output, struct err *e)
{
	size_t len = strlen(output);
	struct stat st;

	s->name = output;
	s->told_ms = fd_now_ms();
	if (strcmp(output, "-") == 0) {
		s->tar = true;
		if (isatty(STDOUT_FILENO))
			return err_set(e, ERR_USAGE, "evidence is not written to a terminal");
		s->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (s->fd < 0)
			return err_sys(e, "standard output");
	} else if (len > 4 && strcmp(output + len - 4, ".tar") == 0) {
		s->tar = true;
		s->fd = open(output, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (s->fd < 0)
			return err_sys(e, "evidence \"%.200s\"", output);
	} else if (open_directory(s, output, e) < 0) {
		return -1;
	}
	if (fstat(s->fd, &st) < 0)
		return err_sys(e, "evidence \"%.200s\"", output);
	s->bounded = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
	/* Standard output may be in the middle of a file, or append to it. */
	s->seekable = s->tar && S_ISREG(st.st_mode) && strcmp(output, "-") != 0;
	if (has_room(s))
		return 0;
	if (s->seekable)
		unlink(output);
	else if (!s->tar)
		rmdir(output);
	return refuse_full(s, e);
}

void sink_close(struct sink *s)
{
	hasher_end(&s->hasher);
	auto_close_fd(&s->file);
	auto_close_fd(&s->fd);
}

/* Makes the directories above a file of the set, and the file. */
static int make_file(int dir, const char *path)
{
	char part[256];
	const char *slash = path;
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	while ((slash = strchr(slash, '/'))) {
		if ((size_t)(slash - path) >= sizeof(part)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		if (mkdirat(dir, part, 0700) < 0 && errno != EEXIST)
			return -1;
		slash++;
	}
	return openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

void sink_head(struct text *t, const char *path, uint64_t size, uint64_t began)
{
	struct tar_member member = {
		.path = path, .type = '0', .mode = 0600, .size = size,
		.mtime = (int64_t)(began / 1000000000u),
	};

	/* Paths of a set are short, and 8 GiB fit a plain header: what does not gets a pax one. */
	tar_head(t, &member);
}

/* The disk is full after all, or the reader went away. */
static int write_failed(struct sink *s, struct err *e)
{
	if ((errno == ENOSPC || errno == EDQUOT) && !s->last_words) {
		s->stopped = "the disk is full";
		return SINK_STOPPED;
	}
	return err_sys(e, "evidence \"%.200s\": write \"%.200s\"", s->name,
		       s->row.path ? s->row.path : "");
}

static int write_head(struct sink *s, uint64_t size, struct err *e)
{
	auto_arena scratch = ARENA_NONE;
	struct text t = TEXT_IN(&scratch);

	sink_head(&t, s->row.path, size, s->row.began);
	s->header_at = s->at + t.len - TAR_BLOCK;
	if (fd_write_all(s->fd, t.bytes, t.len) < 0) {
		int failed = write_failed(s, e);

		/* Half a header would end the archive for every reader. */
		if (failed == SINK_STOPPED && s->seekable &&
		    (ftruncate(s->fd, (off_t)s->at) < 0 ||
		     lseek(s->fd, (off_t)s->at, SEEK_SET) < 0))
			return err_sys(e, "evidence \"%.200s\"", s->name);
		return failed;
	}
	s->at += t.len;
	return 0;
}

static int begin(struct sink *s, const char *path, uint64_t size, uint64_t began,
		 const char *consistency, const char *source, struct err *e)
{
	s->row = (struct manifest_row){
		.path = path, .size = size, .mode = 0600, .began = began,
		.consistency = consistency, .source = source,
	};
	s->written = 0;
	sha256_init(&s->sum);
	if (s->tar)
		return write_head(s, size, e);
	s->file = make_file(s->fd, path);
	return s->file < 0 ? write_failed(s, e) : 0;
}

int sink_begin(struct sink *s, const char *path, uint64_t size, const char *consistency,
	       const char *source, struct err *e)
{
	if (!s->last_words && sink_is_over(s))
		return SINK_STOPPED;
	return begin(s, path, size, sink_now(CLOCK_REALTIME), consistency, source, e);
}

static int write_now(struct sink *s, const void *bytes, size_t len, struct err *e)
{
	hash(s, bytes, len);
	if (fd_write_all(s->tar ? s->fd : s->file, bytes, len) < 0) {
		hasher_wait(s->hasher);
		return write_failed(s, e);
	}
	s->written += len;
	s->at += len;
	s->bytes += len;
	return 0;
}

int sink_write(struct sink *s, const void *bytes, size_t len, struct err *e)
{
	if (!s->last_words && sink_is_over(s))
		return SINK_STOPPED;
	if (!s->last_words && len > s->room && !has_room(s)) {
		s->stopped = "the disk is nearly full";
		return SINK_STOPPED;
	}
	s->room -= len < s->room ? len : s->room;
	tell(s);
	return write_now(s, bytes, len, e);
}

/* A stream keeps its promise with zeros; a file gets the length that it has. */
static int settle(struct sink *s, struct err *e)
{
	static const uint64_t plain_most = UINT64_C(8) << 30;

	s->row.missing = s->row.size - s->written;
	if (!s->row.missing)
		return 0;
	if (!s->tar || (s->seekable && s->row.size < plain_most)) {
		auto_arena scratch = ARENA_NONE;
		struct text head = TEXT_IN(&scratch);

		s->row.size = s->written;
		if (!s->tar) {
			/* A write that failed half-way left bytes that were not counted. */
			if (ftruncate(s->file, (off_t)s->written) < 0)
				return err_sys(e, "evidence \"%.200s\"", s->name);
			return 0;
		}
		sink_head(&head, s->row.path, s->row.size, s->row.began);
		if (pwrite(s->fd, head.bytes, head.len, (off_t)s->header_at) != TAR_BLOCK ||
		    ftruncate(s->fd, (off_t)s->at) < 0 || lseek(s->fd, (off_t)s->at, SEEK_SET) < 0)
			return err_sys(e, "evidence \"%.200s\"", s->name);
		return 0;
	}
	for (uint64_t left = s->row.missing; left > 0;) {
		size_t len = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

		if (write_now(s, zeros, len, e) != 0)
			return -1;
		left -= len;
	}
	return 0;
}

int sink_end(struct sink *s, const char *error, struct err *e)
{
	unsigned char digest[SHA256_SIZE];
	char *hex = arena_alloc(s->arena, SHA256_HEX_SIZE);
	size_t pad;
	int code;

	hasher_wait(s->hasher);
	code = settle(s, e);
	hasher_wait(s->hasher);
	pad = s->tar ? tar_pad(s->row.size) : 0;
	if (code == 0 && pad && fd_write_all(s->fd, zeros, pad) < 0)
		code = err_sys(e, "evidence \"%.200s\"", s->name);
	s->at += pad;
	auto_close_fd(&s->file);
	if (code != 0)
		return -1;
	sha256_end(&s->sum, digest);
	sha256_hex(digest, hex);
	s->row.sha256 = hex;
	s->row.path = arena_strdup(s->arena, s->row.path);
	s->row.source = arena_strdup(s->arena, s->row.source);
	if (error)
		s->row.error = arena_strdup(s->arena, error);
	else if (s->row.missing)
		s->row.error = s->stopped;
	s->row.ended = sink_now(CLOCK_REALTIME);
	manifest_add(s->manifest, s->arena, &s->row);
	s->row = (struct manifest_row){ 0 };
	return 0;
}

int sink_put(struct sink *s, const char *path, const void *bytes, size_t len, uint64_t began,
	     const char *consistency, const char *source, struct err *e)
{
	int code;

	if (!s->last_words && sink_is_over(s))
		return SINK_STOPPED;
	code = begin(s, path, len, began, consistency, source, e);
	if (code != 0)
		return code;
	if (len)
		code = sink_write(s, bytes, len, e);
	if (code < 0 || sink_end(s, NULL, e) < 0)
		return -1;
	return code;
}

/* Begins with what is there already: nothing is written but its row. */
static int begin_there(struct sink *s, int dir, const char *name, const char *path, uint64_t size,
		       const char *consistency, const char *source, struct err *e)
{
	s->row = (struct manifest_row){
		.path = path, .size = size, .mode = 0600, .began = sink_now(CLOCK_REALTIME),
		.consistency = consistency, .source = source,
	};
	s->written = 0;
	sha256_init(&s->sum);
	if (renameat(dir, name, s->fd, path) < 0)
		return err_sys(e, "evidence \"%.200s\": \"%.200s\"", s->name, path);
	s->file = openat(s->fd, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (s->file < 0 || fchmod(s->file, 0600) < 0)
		return err_sys(e, "evidence \"%.200s\": \"%.200s\"", s->name, path);
	return 0;
}

static int add_there(struct sink *s, const void *bytes, size_t len)
{
	if (!s->last_words && sink_is_over(s))
		return SINK_STOPPED;
	tell(s);
	hash(s, bytes, len);
	s->written += len;
	s->bytes += len;
	return 0;
}

static int put_file(struct sink *s, bool copy, int dir, const char *name, const char *path,
		    const char *consistency, const char *source, const char *error, struct err *e)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int code;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "evidence: \"%.200s\"", name);
	if (!s->last_words && sink_is_over(s))
		return SINK_STOPPED;
	code = copy ? sink_begin(s, path, (uint64_t)st.st_size, consistency, source, e) :
	       begin_there(s, dir, name, path, (uint64_t)st.st_size, consistency, source, e);
	if (code != 0)
		return code;
	for (uint64_t left = (uint64_t)st.st_size; left > 0 && code == 0;) {
		char *buffer = sink_buffer(s);
		ssize_t n = fd_read_full(fd, buffer, left < SINK_CHUNK ? (size_t)left : SINK_CHUNK);

		if (n <= 0)
			break;
		if (copy)
			code = sink_write(s, buffer, (size_t)n, e);
		else
			code = add_there(s, buffer, (size_t)n);
		left -= (uint64_t)n;
	}
	return code < 0 || sink_end(s, error, e) < 0 ? -1 : code;
}

int sink_take(struct sink *s, int dir, const char *name, const char *path, const char *consistency,
	      const char *source, const char *error, struct err *e)
{
	return put_file(s, s->tar, dir, name, path, consistency, source, error, e);
}

int sink_copy(struct sink *s, int dir, const char *name, const char *path, const char *consistency,
	      const char *source, const char *error, struct err *e)
{
	return put_file(s, true, dir, name, path, consistency, source, error, e);
}

/* The two files that are not in the manifest. */
static int put_plain(struct sink *s, const char *path, const char *text, struct err *e)
{
	uint64_t began = s->manifest->rows.count
		? s->manifest->rows.items[s->manifest->rows.count - 1].ended : 0;
	size_t len = strlen(text);

	if (begin(s, path, len, began, "", "", e) != 0 || write_now(s, text, len, e) != 0)
		return -1;
	hasher_wait(s->hasher);
	if (s->tar && tar_pad(len) && fd_write_all(s->fd, zeros, tar_pad(len)) < 0)
		return err_sys(e, "evidence \"%.200s\"", s->name);
	s->at += len + tar_pad(len);
	auto_close_fd(&s->file);
	return 0;
}

int sink_finish(struct sink *s, struct err *e)
{
	const char *text = manifest_text(s->manifest, s->arena);
	unsigned char digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];
	struct sha256 sum;

	s->last_words = true;
	sha256_init(&sum);
	sha256_add(&sum, text, strlen(text));
	sha256_end(&sum, digest);
	sha256_hex(digest, hex);
	if (put_plain(s, "manifest.json", text, e) < 0 ||
	    put_plain(s, "manifest.sha256",
		      arena_printf(s->arena, "%s  manifest.json\n", hex), e) < 0)
		return -1;
	if (s->tar && fd_write_all(s->fd, zeros, (size_t)2 * TAR_BLOCK) < 0)
		return err_sys(e, "evidence \"%.200s\"", s->name);
	/* A pipe cannot be synchronised, and need not be. */
	if (s->bounded && syncfs(s->fd) < 0)
		return err_sys(e, "evidence \"%.200s\"", s->name);
	return 0;
}
