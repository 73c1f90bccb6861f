/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop drift. Its status is for scripts: whether there is any.
 */
#include "cli/command.h"
#include "cli/print.h"
#include "orlop/drift.h"

enum { EXIT_DRIFT = 2, EXIT_UNKNOWN = 5, WORD_WIDTH = 11 };

static void print_finding(struct text *t, const struct drift_finding *f, bool strict)
{
	text_printf(t, "  %s %-*s", drift_counts(f, strict) ? "drift" : "note ", WORD_WIDTH,
		    drift_kind_word(f->kind));
	if (f->pid)
		text_printf(t, "%d (%s) ", (int)f->pid, f->name);
	if (f->protocol)
		text_printf(t, "listens at %s %s port %u: ", f->protocol, f->address, f->port);
	else if (*f->path && f->pid)
		text_puts(t, f->program ? "runs " : "has mapped ");
	if (*f->path)
		text_printf(t, "%s: ", text_quote(t->arena, f->path, 4096));
	text_printf(t, "%s\n", f->detail);
}

static void print_text(struct text *t, const char *id, const struct drift *d, bool strict)
{
	static const char *const words[] = { "no drift", "drift", "no drift found, not all known" };

	text_printf(t, "%s: %s, %zu processes\n", id, words[drift_judge(d, strict)], d->processes);
	for (size_t i = 0; i < d->findings.count; i++)
		print_finding(t, &d->findings.items[i], strict);
	if (d->more)
		text_printf(t, "  and %zu more\n", d->more);
	if (d->more_notes)
		text_printf(t, "  and at most %zu more notes\n", d->more_notes);
	for (size_t i = 0; i < d->untold.count; i++)
		text_printf(t, "  not known: %s\n", d->untold.items[i]);
	for (size_t i = 0; i < d->limits.count; i++)
		text_printf(t, "  how: %s\n", d->limits.items[i]);
}

int cmd_drift(const struct command *c, struct err *e)
{
	static const int status[] = {
		[DRIFT_NONE] = 0, [DRIFT_FOUND] = EXIT_DRIFT, [DRIFT_UNKNOWN] = EXIT_UNKNOWN,
	};
	const struct cli_values *v = &c->call->values;
	const char *id = c->call->operands.items[0];
	struct text t = TEXT_IN(c->arena);
	struct drift d;

	if (drift_find(c->life.root, id, c->arena, &d, e) < 0)
		return -1;
	if (v->json)
		text_printf(&t, "%s\n", drift_json(&d, id, v->strict, c->arena));
	else
		print_text(&t, id, &d, v->strict);
	if (print_out(&t, e) < 0)
		return -1;
	return status[drift_judge(&d, v->strict)];
}
