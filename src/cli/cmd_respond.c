/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop respond. A result is a line, written at once and never waited for long: a reader who
 * stands still must not keep a container from being held.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/command.h"
#include "orlop/respond.h"

enum { READER_MS = 1000 };

struct telling {
	uint64_t lost;
};

static int tell(void *argument, const char *line, struct err *e)
{
	struct telling *t = argument;
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	auto_arena a = ARENA_NONE;
	const char *text;

	/* With room for PIPE_BUF bytes, which no result exceeds, the write does not wait. */
	if (poll(&p, 1, READER_MS) == 0) {
		t->lost++;
		return 0;
	}
	text = t->lost ? arena_printf(&a, "{\"result\":\"lost\",\"lines\":%llu}\n%s\n",
				      (unsigned long long)t->lost, line)
		       : arena_printf(&a, "%s\n", line);
	t->lost = 0;
	if (fd_write_all(STDOUT_FILENO, text, strlen(text)) < 0)
		return err_sys(e, "write to standard output");
	return 0;
}

/* Roots in other directories than ours are named from where we are. */
static int read_roots(const struct command *c, struct str_list *ret, struct err *e)
{
	const struct str_list *more = &c->call->values.roots;

	ret->items = arena_new_array(c->arena, char *, more->count + 1);
	ret->items[ret->count++] = arena_strdup(c->arena, c->life.root);
	for (size_t i = 0; i < more->count; i++) {
		if (more->items[i][0] != '/')
			return err_set(e, ERR_USAGE, "--also \"%.200s\": a directory is given with "
				       "its whole path", more->items[i]);
		ret->items[ret->count++] = more->items[i];
	}
	return 0;
}

int cmd_respond(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct telling telling = { 0 };
	struct respond_options options = {
		.life = &c->life, .rules = v->rules, .dry_run = v->dry_run, .quiet = v->quiet,
		.input = STDIN_FILENO, .tell = tell, .argument = &telling,
	};

	if (!v->rules) {
		err_set(e, ERR_USAGE, "respond needs rules");
		return err_hint(e, "--rules FILE; orlop-respond(8) has an example");
	}
	if (read_roots(c, &options.roots, e) < 0)
		return -1;
	return respond_run(&options, e);
}
