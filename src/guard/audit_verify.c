/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Reading the audit log, and computing its chain anew. A line vouches for the one
 * before it, and the head for the last, so the line to name is the one that something else does
 * not fit to. After a break the check goes on from what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "guard/audit.h"
#include "json/bind.h"
#include "json/doc.h"
#include "orlop/auto.h"

enum { LOCK_MS = 5000, BREAKS_MAX = 32 };

struct line {
	struct audit_line shown;
	uint64_t number;
	char *before, *head_was;
	uint32_t uid;
	char *login_uid, *parent;
};

static const struct bind caller_rows[] = {
	B_U32(struct line, uid, "uid"),
	B_STR(struct line, login_uid, "loginUid"),
	B_STR(struct line, parent, "parent"),
	B_END
};

static const struct bind line_rows[] = {
	B_U64_IN(struct line, number, "number", 1, UINT64_MAX, B_REQUIRED),
	B_STR(struct line, before, "before", B_REQUIRED),
	B_STR(struct line, head_was, "headWas"),
	B_STR(struct line, shown.time, "time"),
	B_STR(struct line, shown.operation, "operation", B_REQUIRED),
	B_STR(struct line, shown.id, "id"),
	B_STR(struct line, shown.result, "result"),
	B_STR(struct line, shown.detail, "detail"),
	B_PART("caller", caller_rows),
	B_END
};

/* Called with each complete line; ret_read is false for one that is no line of the log. */
typedef int line_fn(void *argument, const char *file, unsigned number, const char *text,
		    size_t len, const struct line *line, struct arena *a, struct err *e);

static int read_lines(const char *file, char *text, size_t len, line_fn *each, void *argument,
		      struct err *e)
{
	char *end = text + len, *newline;

	for (unsigned n = 1; (newline = memchr(text, '\n', (size_t)(end - text)));
	     n++, text = newline + 1) {
		auto_arena a = ARENA_NONE;
		struct line line = { .number = 0 };
		auto_doc doc = DOC_NONE;
		struct err ignored;
		size_t size = (size_t)(newline - text);
		bool good = doc_read(file, text, size, &a, &doc, &ignored) == 0 &&
			    bind_read(&(struct binding){ .doc = &doc, .arena = &a, .e = &ignored },
				      doc.root, line_rows, &line) == 0;

		*newline = '\0';
		line.shown.number = line.number;
		line.shown.uid = line.uid;
		line.shown.login_uid = line.login_uid;
		line.shown.parent = line.parent;
		line.shown.text = text;
		if (each(argument, file, n, text, size, good ? &line : NULL, &a, e) < 0)
			return -1;
	}
	return 0;
}

/* All files, the oldest first. *ret_torn: bytes of the newest that are no complete line. */
static int read_all(int dir, line_fn *each, void *argument, size_t *ret_torn, struct err *e)
{
	for (unsigned n = AUDIT_KEPT + 1; n-- > 0;) {
		auto_arena a = ARENA_NONE;
		char room[16];
		const char *name = audit_file(n, room);
		auto_fd int fd = file_open(dir, name, O_RDONLY | O_NONBLOCK);
		size_t len;
		char *text, *last;

		if (fd < 0 && errno == ENOENT)
			continue;
		text = fd < 0 ? NULL : fd_read_text(fd, 2 * AUDIT_FILE_MAX, &a, &len);
		if (!text)
			return err_sys(e, "read the audit log");
		last = memrchr(text, '\n', len);
		*ret_torn = (size_t)(text + len - (last ? last + 1 : text));
		if (read_lines(name, text, len, each, argument, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- the chain ---- */

struct chain {
	struct audit_check *check;
	struct arena *arena;
	struct audit_head last;		/* of the line before; number 0: none was read yet */
	const char *last_at;		/* "log:3" */
	const char *wanted;		/* a digest that has to be there, or NULL */
	bool found;
};

static void tell(struct chain *c, const char *at, const char *what)
{
	struct str_list *breaks = &c->check->breaks;

	if (!breaks->items)
		breaks->items = arena_new_array(c->arena, char *, BREAKS_MAX);
	if (breaks->count < BREAKS_MAX)
		breaks->items[breaks->count++] = arena_printf(c->arena, "%s: %s", at, what);
	else
		c->check->more++;
}

static void check_number(struct chain *c, const char *at, const struct line *line)
{
	unsigned long long now = line->number, before = c->last.number;

	if (now == before + 1)
		return;
	if (now > before + 1)
		tell(c, at, arena_printf(c->arena, "is number %llu, the one before it is number %llu: "
					 "lines were removed in between", now, before));
	else
		tell(c, at, arena_printf(c->arena, "is number %llu, the one before it is number %llu: "
					 "lines were put in or moved", now, before));
}

static void check_first(struct chain *c, const char *at, const struct line *line)
{
	c->check->first = line->number;
	c->check->rotated = line->number > 1;
	if (line->number == 1 && strcmp(line->before, audit_nothing) != 0)
		tell(c, at, "is number 1 and names a line before it");
}

static int check_line(void *argument, const char *file, unsigned number, const char *text,
		      size_t len, const struct line *line, struct arena *a, struct err *e)
{
	struct chain *c = argument;
	const char *at = arena_printf(c->arena, "%s:%u", file, number);

	(void)a, (void)e;
	c->check->lines++;
	if (!line) {
		tell(c, at, "is no line of an audit log");
	} else if (!c->last.number) {
		check_first(c, at, line);
	} else {
		check_number(c, at, line);
		if (line->number == c->last.number + 1 &&
		    strcmp(line->before, c->last.digest) != 0)
			tell(c, c->last_at, "is not what was written: the line after it carries "
			     "another digest");
	}
	if (line && line->head_was)
		tell(c, at, arena_printf(c->arena, "when it was written the last line was not the one "
					 "that head named (%.90s): lines at the end had been changed or "
					 "removed", line->head_was));
	/* What cannot be read has a place in the count and a digest all the same. */
	c->last.number = line ? line->number : c->last.number + 1;
	audit_digest(text, len, c->last.digest);
	c->last_at = at;
	if (c->wanted && strcmp(c->wanted, c->last.digest) == 0)
		c->found = true;
	return 0;
}

static void check_head(struct chain *c, int dir)
{
	char text[AUDIT_HEAD_LEN + 1];
	struct audit_head head;
	bool said = file_read(dir, AUDIT_HEAD, text, sizeof(text)) > 0 &&
		    audit_head_read(text, &head);

	if (!said) {
		if (c->last.number > 1)
			tell(c, AUDIT_HEAD, "is missing or cannot be read: lines may be missing at the "
			     "end");
		return;
	}
	/* A line that is newer than the head is what a crash between the two leaves. */
	if (c->last.number == head.number + 1)
		return;
	if (head.number > c->last.number)
		tell(c, AUDIT_HEAD, arena_printf(c->arena, "names line number %llu, the last one is "
						 "number %llu: lines were removed at the end",
						 (unsigned long long)head.number,
						 (unsigned long long)c->last.number));
	else if (head.number < c->last.number)
		tell(c, AUDIT_HEAD, arena_printf(c->arena, "names line number %llu, the last one is "
						 "number %llu: head was put back, or lines were added "
						 "by somebody else", (unsigned long long)head.number,
						 (unsigned long long)c->last.number));
	else if (strcmp(head.digest, c->last.digest) != 0)
		tell(c, c->last_at, "is not what was written: head carries another digest");
}

static bool is_digest(const char *text)
{
	return strlen(text) == SHA256_HEX_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

int audit_verify(const char *root, const char *head, struct arena *a, struct audit_check *ret,
		 struct err *e)
{
	struct audit_check check = { .lines = 0 };
	struct chain c = { .check = &check, .arena = a, .wanted = head };
	auto_fd int dir = -1;
	size_t torn = 0;

	if (head && !is_digest(head))
		return err_set(e, ERR_USAGE, "\"%.80s\" is no digest of 64 hexadecimal digits", head);
	dir = audit_open(root, false, true, LOCK_MS, e);
	if (dir < 0 && e->code != ENOENT)
		return -1;
	if (dir >= 0) {
		if (read_all(dir, check_line, &c, &torn, e) < 0)
			return -1;
		check_head(&c, dir);
	}
	if (torn)
		tell(&c, AUDIT_LOG, arena_printf(a, "ends with %zu bytes that are no complete line: a "
						 "crash, or somebody else", torn));
	if (head && !c.found)
		tell(&c, AUDIT_LOG, "has no line with the digest that was kept elsewhere: it was written "
		     "anew, or the line was rotated away");
	check.last = c.last.number;
	if (check.lines)
		memcpy(check.head, c.last.digest, sizeof(check.head));
	*ret = check;
	return check.breaks.count ? AUDIT_BROKEN : 0;
}

/* ---- showing ---- */

struct shower {
	const char *id;
	int (*each)(void *argument, const struct audit_line *line, struct err *e);
	void *argument;
};

static int show_line(void *argument, const char *file, unsigned number, const char *text,
		     size_t len, const struct line *line, struct arena *a, struct err *e)
{
	const struct shower *s = argument;

	(void)file, (void)number, (void)text, (void)len, (void)a;
	if (!line || (s->id && (!line->shown.id || strcmp(line->shown.id, s->id) != 0)))
		return 0;
	return s->each(s->argument, &line->shown, e);
}

int audit_each(const char *root, const char *id,
	       int (*each)(void *argument, const struct audit_line *line, struct err *e),
	       void *argument, struct err *e)
{
	struct shower s = { id, each, argument };
	auto_fd int dir = audit_open(root, false, true, LOCK_MS, e);
	size_t torn;

	if (dir < 0)
		return e->code == ENOENT ? 0 : -1;
	return read_all(dir, show_line, &s, &torn, e);
}
