/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines read these; the order of members, the indentation and the missing newline are runc's.
 */
#include "cli/print.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "json/emit.h"
#include "oci/state_doc.h"

enum { LEAST_WIDTH = 12, PADDING = 3 };

/* ---- one container ---- */

static struct state_doc document(const struct life_view *view, const char *owner)
{
	return (struct state_doc){
		.oci_version = view->oci_version,
		.id = view->id,
		.pid = view->pid,
		.status = state_status_word(view->status),
		.bundle = view->bundle,
		.rootfs = view->rootfs,
		.created = view->created,
		.annotations = view->annotations,
		.owner = owner,
		.remediation = view->remediation,
	};
}

void print_state(struct text *t, const struct life_view *view)
{
	struct state_doc doc = document(view, "");

	text_puts(t, state_doc_text(&doc, 2, t->arena));
}

/* ---- all containers ---- */

/* The name of a uid: the first field of the line whose third it is. No name service is asked. */
static const char *owner_name(struct arena *a, const char *users, uint32_t uid)
{
	while (users && *users) {
		size_t line = strcspn(users, "\n"), name = strcspn(users, ":\n");
		const char *id = users + name;
		unsigned value;
		int used = 0;

		if (name && name < line)
			id += 1 + strcspn(id + 1, ":\n");
		if (*id == ':' && sscanf(id, ":%u%n", &value, &used) == 1 && id[used] == ':' &&
		    value == uid)
			return arena_strndup(a, users, name);
		users += line + (users[line] == '\n');
	}
	return arena_printf(a, "#%u", uid);
}

void print_list_json(struct text *t, const struct life_views *views, const char *users)
{
	struct emit m = EMIT_IN(t->arena, 0);

	if (views->count == 0) {
		text_puts(t, "null\n");
		return;
	}
	emit_array(&m, NULL);
	for (size_t i = 0; i < views->count; i++) {
		const struct life_view *view = &views->items[i];
		struct state_doc doc = document(view, owner_name(t->arena, users, view->owner));

		state_doc_put(&m, NULL, &doc);
	}
	emit_end(&m);
	text_printf(t, "%s\n", emit_get(&m));
}

/* Columns that a terminal needs for UTF-8: bytes that do not continue a character. */
static size_t width(const char *cell)
{
	size_t n = 0;

	for (; *cell; cell++)
		n += ((unsigned char)*cell & 0xc0) != 0x80;
	return n;
}

void print_table(struct text *t, const char *const *cells, size_t rows, size_t columns,
		 size_t least)
{
	size_t *widths = arena_new_array(t->arena, size_t, columns);

	for (size_t c = 0; c < columns; c++) {
		widths[c] = least;
		for (size_t r = 0; r < rows; r++)
			if (width(cells[r * columns + c]) + PADDING > widths[c])
				widths[c] = width(cells[r * columns + c]) + PADDING;
	}
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < columns; c++) {
			const char *cell = cells[r * columns + c];

			text_puts(t, cell);
			if (c + 1 == columns)
				text_puts(t, "\n");
			else
				text_printf(t, "%*s", (int)(widths[c] - width(cell)), "");
		}
}

/* The table is the one that people and scripts know, until there is something to tell. */
static bool any_held(const struct life_views *views)
{
	for (size_t i = 0; i < views->count; i++)
		if (views->items[i].quarantine)
			return true;
	return false;
}

void print_list_table(struct text *t, const struct life_views *views, const char *users)
{
	static const char *const titles[] = {
		"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER", "QUARANTINE",
	};
	enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };
	const char **cells = arena_new_array(t->arena, const char *, (views->count + 1) * COLUMNS);
	size_t columns = COLUMNS - !any_held(views);

	memcpy(cells, titles, columns * sizeof(*titles));
	for (size_t i = 0; i < views->count; i++) {
		const struct life_view *view = &views->items[i];
		const char *row[COLUMNS] = {
			view->id, arena_printf(t->arena, "%d", (int)view->pid),
			state_status_word(view->status), view->bundle, view->created,
			owner_name(t->arena, users, view->owner),
			view->quarantine ? view->quarantine : "-",
		};

		memcpy(cells + (i + 1) * columns, row, columns * sizeof(*row));
	}
	print_table(t, cells, views->count + 1, columns, LEAST_WIDTH);
}

void print_list_names(struct text *t, const struct life_views *views)
{
	for (size_t i = 0; i < views->count; i++)
		text_printf(t, "%s\n", views->items[i].id);
}

/* ---- processes ---- */

void print_pids_json(struct text *t, const struct life_pids *pids)
{
	if (pids->count == 0) {
		text_puts(t, "null\n");
		return;
	}
	for (size_t i = 0; i < pids->count; i++)
		text_printf(t, "%s%d", i ? "," : "[", (int)pids->items[i]);
	text_puts(t, "]\n");
}

/* The n-th word of a line that is `len` long; *ret_len is 0 when there are not so many. */
static const char *word_at(const char *line, size_t len, size_t n, size_t *ret_len)
{
	const char *end = line + len;

	for (;;) {
		const char *start;

		while (line < end && (*line == ' ' || *line == '\t'))
			line++;
		start = line;
		while (line < end && *line != ' ' && *line != '\t')
			line++;
		*ret_len = (size_t)(line - start);
		if (n-- == 0 || start == end)
			return start;
	}
}

static bool is_member(const char *word, size_t len, const struct life_pids *pids)
{
	char digits[16];

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, word, len);
	digits[len] = '\0';
	for (size_t i = 0; i < pids->count; i++) {
		char pid[16];

		snprintf(pid, sizeof(pid), "%d", (int)pids->items[i]);
		if (strcmp(pid, digits) == 0)
			return true;
	}
	return false;
}

int print_pids_table(struct text *t, const char *ps, const struct life_pids *pids, struct err *e)
{
	size_t line = strcspn(ps, "\n"), column = 0, len;

	for (;; column++) {
		const char *word = word_at(ps, line, column, &len);

		if (len == 0)
			return err_set(e, ERR_USAGE, "couldn't find PID field in ps output");
		if (len == 3 && memcmp(word, "PID", 3) == 0)
			break;
	}
	text_add(t, ps, line);
	text_puts(t, "\n");
	while (ps[line]) {
		const char *word;

		ps += line + 1;
		line = strcspn(ps, "\n");
		word = word_at(ps, line, column, &len);
		if (!is_member(word, len, pids))
			continue;
		text_add(t, ps, line);
		text_puts(t, "\n");
	}
	return 0;
}

/* The end that every program has whose reader went away: `orlop list | head` says nothing of it. */
static void die_of_closed_pipe(void)
{
	sigset_t pipe;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &pipe, NULL);
	raise(SIGPIPE);
}

int print_out(const struct text *t, struct err *e)
{
	if (t->len == 0 || fd_write_all(STDOUT_FILENO, t->bytes, t->len) == 0)
		return 0;
	err_sys(e, "write standard output");
	if (e->code == EPIPE)
		die_of_closed_pipe();
	return -1;
}
