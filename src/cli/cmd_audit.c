/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop audit.
 */
#include <string.h>

#include "cli/command.h"
#include "cli/print.h"
#include "orlop/audit.h"

enum { EXIT_BROKEN = 2 };

struct page {
	struct text text;
	bool json;
};

static int put_line(void *argument, const struct audit_line *line, struct err *e)
{
	struct page *page = argument;
	struct text *t = &page->text;

	(void)e;
	if (page->json) {
		text_printf(t, "%s\n", line->text);
		return 0;
	}
	text_printf(t, "%llu %s %s", (unsigned long long)line->number,
		    line->time ? line->time : "-", line->operation);
	if (line->id)
		text_printf(t, " %s", line->id);
	text_printf(t, ": %s", line->result ? line->result : "-");
	if (line->detail)
		text_printf(t, " (%s)", text_quote(t->arena, line->detail, 200));
	text_printf(t, ", by uid %u", line->uid);
	if (line->login_uid)
		text_printf(t, " logged in as %s", line->login_uid);
	if (line->parent)
		text_printf(t, " through %s", text_quote(t->arena, line->parent, 120));
	text_puts(t, "\n");
	return 0;
}

static int show(const struct command *c, const char *id, struct err *e)
{
	struct page page = { TEXT_IN(c->arena), c->call->values.json };

	if (audit_each(c->life.root, id, put_line, &page, e) < 0)
		return -1;
	return print_out(&page.text, e);
}

static int verify(const struct command *c, const char *digest, struct err *e)
{
	struct text t = TEXT_IN(c->arena);
	struct audit_check check;
	int result = audit_verify(c->life.root, digest, c->arena, &check, e);

	if (result < 0)
		return -1;
	for (size_t i = 0; i < check.breaks.count; i++)
		text_printf(&t, "%s\n", check.breaks.items[i]);
	if (check.more)
		text_printf(&t, "and %llu more\n", (unsigned long long)check.more);
	text_printf(&t, "%s: ", result ? "broken" : "unbroken");
	if (check.lines)
		text_printf(&t, "%llu lines, number %llu to %llu%s, head %s\n",
			    (unsigned long long)check.lines, (unsigned long long)check.first,
			    (unsigned long long)check.last,
			    check.rotated ? " (those before were rotated away)" : "", check.head);
	else
		text_puts(&t, "no lines\n");
	if (print_out(&t, e) < 0)
		return -1;
	return result ? EXIT_BROKEN : 0;
}

static int head(const struct command *c, struct err *e)
{
	struct text t = TEXT_IN(c->arena);
	struct audit_check check;
	int result = audit_verify(c->life.root, NULL, c->arena, &check, e);

	if (result < 0)
		return -1;
	if (result)
		return err_set(e, ERR_STATE, "the log is broken: %s", check.breaks.items[0]);
	if (check.lines)
		text_printf(&t, "%s\n", check.head);
	return print_out(&t, e);
}

int cmd_audit(const struct command *c, struct err *e)
{
	const struct str_list *words = &c->call->operands;
	const char *word = words->count ? words->items[0] : "show";
	const char *more = words->count > 1 ? words->items[1] : NULL;

	if (strcmp(word, "show") == 0)
		return show(c, more, e);
	if (strcmp(word, "verify") == 0)
		return verify(c, more, e);
	if (strcmp(word, "head") == 0 && more)
		return err_set(e, ERR_USAGE, "audit head stands alone, and \"%.80s\" follows", more);
	if (strcmp(word, "head") == 0)
		return head(c, e);
	return err_set(e, ERR_USAGE, "\"%.80s\" is neither show, verify nor head", word);
}
