/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The file; and, PURE, what its lines mean. Nothing is flushed to a disk: what a
 * quarantine holds does not outlive the machine, only us.
 */
#include "guard/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "json/bind.h"
#include "json/doc.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "orlop/state.h"
#include "state/identity.h"

enum { JOURNAL_MAX = 1 << 20, LOCK_STEP_MS = 2 };

/* ---- the lines ---- */

struct line {
	char *step, *id, *boot, *time, *reason, *mode, *file, *value, *result;
	bool was_frozen, still;
	uint64_t netns;
};

static const struct bind line_rows[] = {
	B_STR(struct line, step, "step", B_REQUIRED),
	B_STR(struct line, id, "id"),
	B_STR(struct line, boot, "boot"),
	B_STR(struct line, time, "time"),
	B_STR(struct line, reason, "reason"),
	B_STR(struct line, mode, "mode"),
	B_BOOL(struct line, was_frozen, "wasFrozen"),
	B_STR(struct line, file, "file"),
	B_STR(struct line, value, "value", B_KEEP_EMPTY),
	B_U64(struct line, netns, "netns"),
	B_STR(struct line, result, "result"),
	B_BOOL(struct line, still, "still"),
	B_END
};

const char *journal_saved(const struct journal *j, const char *file)
{
	for (size_t i = 0; i < j->saved.count; i++)
		if (strcmp(j->saved.items[i].key, file) == 0)
			return j->saved.items[i].value;
	return NULL;
}

/* The first value counts: a later one may be what we wrote ourselves. */
static void keep(struct journal *j, const char *file, const char *value, struct arena *a)
{
	struct oci_pair *more;

	if (journal_saved(j, file))
		return;
	more = arena_new_array(a, struct oci_pair, j->saved.count + 1);
	if (j->saved.count)
		memcpy(more, j->saved.items, j->saved.count * sizeof(*more));
	more[j->saved.count] = (struct oci_pair){ arena_strdup(a, file), arena_strdup(a, value) };
	j->saved.items = more;
	j->saved.count++;
}

static int line_apply(struct journal *j, const struct line *line, struct arena *a)
{
	bool begins = strcmp(line->step, "begin") == 0;

	/* What comes before has no beginning: it is part of a journal that was longer. */
	if (j->phase == JOURNAL_NONE && !begins)
		return -1;
	if (begins && line->mode && line->time) {
		if (j->phase == JOURNAL_NONE) {
			j->since = line->time;
			j->was_frozen = line->was_frozen;
		}
		j->phase = JOURNAL_BEGUN;
		j->observe = strcmp(line->mode, "observe") == 0;
		/* From here on it changes: what was seen of it before is not all that there is. */
		if (j->observe)
			j->settled = false;
		j->reason = line->reason;
		j->result = NULL;
	} else if (strcmp(line->step, "save") == 0 && line->file && line->value) {
		keep(j, line->file, line->value, a);
	} else if (strcmp(line->step, "netns") == 0 && line->netns) {
		j->netns = line->netns;
	} else if (strcmp(line->step, "programs") == 0) {
		j->programs = true;
	} else if (strcmp(line->step, "end") == 0 && line->result) {
		j->phase = JOURNAL_ENDED;
		j->result = line->result;
	} else if (strcmp(line->step, "release") == 0) {
		j->phase = JOURNAL_RELEASING;
		j->settled = false;
	} else if (strcmp(line->step, "evidence") == 0 && line->value) {
		j->evidence = line->value;
		j->settled = line->still && !j->observe && j->phase != JOURNAL_RELEASING;
	} else if (strcmp(line->step, "hook") == 0) {
		/* for people */
	} else {
		return -1;
	}
	return 0;
}

int journal_read(const char *text, size_t len, const char *id, const char *boot, struct arena *a,
		 struct journal *ret, struct err *e)
{
	const char *end = text + len;

	for (const char *newline; (newline = memchr(text, '\n', (size_t)(end - text)));
	     text = newline + 1) {
		struct line line = { 0 };
		auto_doc doc = DOC_NONE;

		if (doc_read(JOURNAL_FILE, text, (size_t)(newline - text), a, &doc, e) < 0 ||
		    bind_read(&(struct binding){ .doc = &doc, .arena = a, .e = e }, doc.root,
			      line_rows, &line) < 0)
			return -1;
		/* A copied directory and one from before a restart hold nothing. */
		if (line.boot && (strcmp(line.boot, boot) != 0 || !line.id ||
				  strcmp(line.id, id) != 0))
			return 0;
		if (line_apply(ret, &line, a) < 0)
			return err_set(e, ERR_STATE, "%s: a line that is not understood",
				       JOURNAL_FILE);
	}
	return 0;
}

/* ---- the file ---- */

static int load(struct journal *j, const char *text, size_t len, const char *id, struct arena *a,
		struct err *e)
{
	char boot[BOOT_ID_LEN + 1];

	if (len == 0)
		return 0;
	if (identity_boot(boot) < 0)
		return err_sys(e, "read the boot id");
	if (journal_read(text, len, id, boot, a, j, e) == 0)
		return 0;
	/*
	 * What cannot be read must not let anybody go: it counts as held. Nobody but root writes
	 * here, so this is a disk's fault or a newer version's.
	 */
	j->phase = JOURNAL_BEGUN;
	j->since = "";
	return 0;
}

int journal_peek(int dir, const char *id, struct arena *a, struct journal *ret, struct err *e)
{
	struct journal j = JOURNAL_CLOSED;
	size_t len = 0;
	char *text = state_read_file(dir, JOURNAL_FILE, JOURNAL_MAX, a, &len);

	if (!text && errno != ENOENT)
		return err_sys(e, "read the journal of the quarantine");
	if (text && load(&j, text, len, id, a, e) < 0)
		return -1;
	*ret = j;
	return 0;
}

/*
 * Whether the name still stands for the open file, whose holder may have removed it meanwhile:
 * 1, 0, or -1 and errno.
 */
static int is_there(int dir, int fd)
{
	struct stat named, open;

	if (fstat(fd, &open) < 0)
		return -1;
	if (fstatat(dir, JOURNAL_FILE, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	return named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

static int open_file(int dir)
{
	return openat(dir, JOURNAL_FILE, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
		      O_NONBLOCK, 0600);
}

/* 0 locked, with *ret_fd; JOURNAL_BUSY; -1 and errno. */
static int lock(int dir, int timeout_ms, int *ret_fd)
{
	int64_t end = fd_now_ms() + timeout_ms;

	for (;;) {
		auto_fd int fd = open_file(dir);
		int there;

		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			there = is_there(dir, fd);
			if (there < 0)
				return -1;
			if (there) {
				*ret_fd = take_fd(&fd);
				return 0;
			}
			continue;
		}
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (fd_now_ms() >= end)
			return JOURNAL_BUSY;
		poll(NULL, 0, LOCK_STEP_MS);
	}
}

int journal_open(int dir, const char *id, int timeout_ms, struct arena *a, struct journal *ret,
		 struct err *e)
{
	struct journal j = { .dir = dir, .fd = -1 };
	int locked = lock(dir, timeout_ms, &j.fd);
	size_t len = 0;
	char *text;

	if (locked == JOURNAL_BUSY)
		return JOURNAL_BUSY;
	if (locked < 0 && errno != ENOSPC && errno != EDQUOT && errno != EROFS)
		return err_sys(e, "open the journal of the quarantine");
	j.locked = locked == 0;
	text = j.locked ? fd_read_text(j.fd, JOURNAL_MAX, a, &len) : NULL;
	/* What a crash left of a line must not become the beginning of the next one. */
	if (text && len > 0 && text[len - 1] != '\n') {
		const char *last = strrchr(text, '\n');

		len = last ? (size_t)(last - text) + 1 : 0;
		if (ftruncate(j.fd, (off_t)len) < 0)
			text = NULL;
	}
	if ((j.locked && !text) || load(&j, text ? text : "", len, id, a, e) < 0) {
		if (!text)
			err_sys(e, "read the journal of the quarantine");
		auto_close_fd(&j.fd);
		return -1;
	}
	*ret = j;
	return 0;
}

void journal_close(struct journal *j)
{
	struct stat st;

	if (j->locked && j->fd >= 0 && fstat(j->fd, &st) == 0 && st.st_size == 0 &&
	    is_there(j->dir, j->fd))
		unlinkat(j->dir, JOURNAL_FILE, 0);
	auto_close_fd(&j->fd);
	*j = JOURNAL_CLOSED;
}

static int add(struct journal *j, struct emit *m, struct err *e)
{
	struct text line;

	emit_end(m);
	line = m->text;
	text_puts(&line, "\n");
	if (j->fd < 0)
		return err_sys_code(e, ENOSPC, "write the journal of the quarantine");
	if (fd_write_all(j->fd, line.bytes, line.len) < 0)
		return err_sys(e, "write the journal of the quarantine");
	return 0;
}

static struct emit line_of(const char *step, struct arena *a)
{
	struct emit m = EMIT_IN(a, 0);

	emit_object(&m, NULL);
	emit_str(&m, "step", step);
	return m;
}

int journal_begin(struct journal *j, const char *id, const struct guard_request *request,
		  bool was_frozen, const char *time, struct arena *a, struct err *e)
{
	struct emit m = line_of("begin", a);
	char boot[BOOT_ID_LEN + 1];
	const char *mode = request->observe ? "observe" : "frozen";
	struct line line = {
		.step = arena_strdup(a, "begin"), .mode = arena_strdup(a, mode),
		.time = arena_strdup(a, time), .was_frozen = was_frozen,
		.reason = request->reason ? arena_strdup(a, request->reason) : NULL,
	};

	/* What a container of this name left before the machine was restarted hides what follows. */
	if (j->phase == JOURNAL_NONE && j->fd >= 0 && ftruncate(j->fd, 0) < 0)
		return err_sys(e, "empty the journal of the quarantine");
	line_apply(j, &line, a);
	if (identity_boot(boot) < 0)
		return err_sys(e, "read the boot id");
	emit_str(&m, "id", id);
	emit_str(&m, "boot", boot);
	emit_str(&m, "time", time);
	emit_str(&m, "mode", mode);
	if (request->reason)
		emit_str(&m, "reason", request->reason);
	emit_bool(&m, "wasFrozen", was_frozen);
	return add(j, &m, e);
}

int journal_save(struct journal *j, const char *file, const char *value, struct arena *a,
		 struct err *e)
{
	struct emit m = line_of("save", a);

	emit_str(&m, "file", file);
	emit_str(&m, "value", value);
	if (add(j, &m, e) < 0)
		return -1;
	keep(j, file, value, a);
	return 0;
}

int journal_programs(struct journal *j, struct arena *a, struct err *e)
{
	struct emit m = line_of("programs", a);

	if (j->programs)
		return 0;
	j->programs = true;
	return add(j, &m, e);
}

int journal_netns(struct journal *j, uint64_t inode, struct arena *a, struct err *e)
{
	struct emit m = line_of("netns", a);

	emit_u64(&m, "netns", inode);
	if (add(j, &m, e) < 0)
		return -1;
	j->netns = inode;
	return 0;
}

int journal_end(struct journal *j, const char *result, const char *time, struct arena *a,
		struct err *e)
{
	struct emit m = line_of("end", a);

	emit_str(&m, "result", result);
	emit_str(&m, "time", time);
	j->phase = JOURNAL_ENDED;
	j->result = result;
	return add(j, &m, e);
}

int journal_release(struct journal *j, const char *time, const char *reason, struct arena *a,
		    struct err *e)
{
	struct emit m = line_of("release", a);

	emit_str(&m, "time", time);
	if (reason)
		emit_str(&m, "reason", reason);
	j->phase = JOURNAL_RELEASING;
	return add(j, &m, e);
}

int journal_hook(struct journal *j, const char *moment, const char *path, const char *result,
		 const char *time, struct arena *a, struct err *e)
{
	struct emit m = line_of("hook", a);

	emit_str(&m, "moment", moment);
	emit_str(&m, "value", path);
	emit_str(&m, "result", result);
	emit_str(&m, "time", time);
	return add(j, &m, e);
}

int journal_evidence(struct journal *j, const char *set, bool still, const char *time,
		     struct arena *a, struct err *e)
{
	struct emit m = line_of("evidence", a);

	emit_str(&m, "value", set);
	emit_bool(&m, "still", still);
	emit_str(&m, "time", time);
	j->evidence = set;
	return add(j, &m, e);
}

int journal_remove(struct journal *j, struct err *e)
{
	if (unlinkat(j->dir, JOURNAL_FILE, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove the journal of the quarantine");
	j->phase = JOURNAL_NONE;
	return 0;
}
