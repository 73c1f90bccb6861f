/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop evidence, evidence verify, evidence report, evidence prune.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/print.h"
#include "orlop/auto.h"
#include "orlop/evidence.h"

enum { EXIT_PARTIAL = 2, EXIT_DIFFERS = 1 };

/* "10s", "500ms", "2m"; a bare number is seconds. */
static int read_budget(const char *word, unsigned *ret_ms, struct err *e)
{
	static const struct {
		const char *unit;
		unsigned ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 } };
	char *end;
	unsigned long n;

	*ret_ms = 0;
	if (!word)
		return 0;
	n = word[0] >= '0' && word[0] <= '9' ? strtoul(word, &end, 10) : 0;
	for (size_t i = 0; n && n <= 86400 && i < ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*ret_ms = (unsigned)n * units[i].ms;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "invalid budget \"%.40s\": a number with ms, s or m, as 10s", word);
}

/* A word that is no container's name by itself, unless somebody says where its evidence goes. */
static bool needs_more(const char *word)
{
	return strcmp(word, "verify") == 0 || strcmp(word, "report") == 0 ||
	       strcmp(word, "prune") == 0;
}

static enum evidence_memory memory_of(const char *word)
{
	if (word && strcmp(word, "anon") == 0)
		return EVIDENCE_MEMORY_ANON;
	return word && strcmp(word, "none") == 0 ? EVIDENCE_MEMORY_NONE : EVIDENCE_MEMORY_ALL;
}

/* One line that is written over on a terminal, and lines otherwise. */
static void show_progress(const char *stage, uint64_t bytes)
{
	fprintf(stderr, isatty(STDERR_FILENO) ? "\r%-16s %8llu MiB" : "%s: %llu MiB\n", stage,
		(unsigned long long)(bytes >> 20));
}

static void print_result(struct text *t, const struct cli_values *v,
			 const struct evidence_result *r)
{
	text_printf(t, "merkle root %s\n", r->root);
	text_printf(t, "%llu files, %llu bytes, %llu problems, %s\n", (unsigned long long)r->files,
		    (unsigned long long)r->bytes, (unsigned long long)r->problems,
		    r->still ? "everybody stood still" : "not everybody stood still");
	if (r->held)
		text_printf(t, "held for %llu us\n", (unsigned long long)r->held_us);
	if (r->stopped)
		text_printf(t, "partial: %s\n", r->stopped);
	if (r->no_images)
		text_printf(t, "no images of criu: %s\n", r->no_images);
	if (!r->logged)
		text_puts(t, "the audit log could not be written\n");
	if (r->problems || r->stopped || r->no_images)
		text_printf(t, "what is missing stands in capture.json of %s\n", v->output);
}

/* With the criu of the global option. */
static int dump(const void *context, const char *id, const struct evidence_dump *d, struct err *e)
{
	const struct command *c = context;

	return life_dump(&c->life, id, c->call->values.criu, d, e);
}

static int gather(const struct command *c, const char *id, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct text t = TEXT_IN(c->arena);
	struct evidence_result result;
	struct evidence_options options = {
		.output = v->output,
		.memory = memory_of(v->mem),
		.upper = !v->fs || strcmp(v->fs, "none") != 0,
		.queues = v->queues,
		.progress = show_progress,
		.dump = v->criu_images ? dump : NULL,
		.context = c,
	};
	int code;

	if (!v->output && needs_more(id))
		return err_set(e, ERR_USAGE, "evidence %s needs %s", id,
			       strcmp(id, "prune") == 0 ? "a DIR" : "a SET");
	if (!v->output) {
		err_set(e, ERR_USAGE, "evidence needs a place to go");
		return err_hint(e, "-o DIR, -o FILE.tar, or -o - for standard output");
	}
	if (read_budget(v->budget, &options.budget_ms, e) < 0)
		return -1;
	code = evidence_take(c->life.root, id, &options, c->arena, &result, e);
	if (code < 0)
		return -1;
	print_result(&t, v, &result);
	if (strcmp(v->output, "-") != 0) {
		if (print_out(&t, e) < 0)
			return -1;
	} else {
		fputs(text_get(&t), stderr);	/* the other one has the set */
	}
	return code == EVIDENCE_PARTIAL ? EXIT_PARTIAL : 0;
}

static int verify(const struct command *c, const char *path, struct err *e)
{
	struct text t = TEXT_IN(c->arena);
	struct evidence_check check;
	int code = evidence_verify(path, c->arena, &check, e);

	if (code < 0)
		return -1;
	for (size_t i = 0; i < check.differences.count; i++)
		text_printf(&t, "%s\n", check.differences.items[i]);
	if (check.more)
		text_printf(&t, "and %llu more\n", (unsigned long long)check.more);
	text_printf(&t, "%s: %llu files, %llu bytes\nmerkle root %s\n",
		    code ? "changed" : "unchanged", (unsigned long long)check.files,
		    (unsigned long long)check.bytes, check.root[0] ? check.root : "none");
	if (print_out(&t, e) < 0)
		return -1;
	return code ? EXIT_DIFFERS : 0;
}

static int report(const struct command *c, const char *path, struct err *e)
{
	const char *output = c->call->values.output;
	struct text t = TEXT_IN(c->arena);
	const char *page = evidence_report(path, c->arena, e);

	if (!page)
		return -1;
	text_puts(&t, page);
	if (!output || strcmp(output, "-") == 0)
		return print_out(&t, e);
	if (file_create(AT_FDCWD, output, page, strlen(page)) < 0)
		return err_sys(e, "report \"%.200s\"", output);
	return 0;
}

/* "30d", "12h", "90m", "10s": in seconds. Nothing goes without an age. */
static int read_age(const char *word, uint64_t *ret, struct err *e)
{
	static const struct {
		const char *unit;
		uint64_t s;
	} units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	char *end;
	unsigned long n;

	if (!word) {
		err_set(e, ERR_USAGE, "evidence prune needs an age");
		return err_hint(e, "--older-than 30d; --dry-run says what would go");
	}
	n = word[0] >= '0' && word[0] <= '9' ? strtoul(word, &end, 10) : ULONG_MAX;
	for (size_t i = 0; n <= 100000 && i < ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*ret = n * units[i].s;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "invalid age \"%.40s\": a number with s, m, h or d, as 30d", word);
}

static int prune(const struct command *c, const char *path, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct evidence_prune wish = { .directory = path, .routine = v->routine,
				       .dry_run = v->dry_run };
	struct evidence_pruned_list gone;
	struct text t = TEXT_IN(c->arena);
	int code;

	if (read_age(v->older_than, &wish.older_than_s, e) < 0)
		return -1;
	code = evidence_prune(c->life.root, &wish, c->arena, &gone, e);
	for (size_t i = 0; i < gone.count; i++)
		text_printf(&t, "%s %s: %s, %llu KiB, merkle root %s\n",
			    v->dry_run ? "would remove" : "removed", gone.items[i].name,
			    gone.items[i].routine ? "routine" : "a proof",
			    (unsigned long long)(gone.items[i].bytes >> 10), gone.items[i].root);
	text_printf(&t, "%zu %s, %zu kept\n", gone.count, v->dry_run ? "would go" : "removed",
		    gone.kept);
	if (print_out(&t, e) < 0)
		return -1;
	return code;
}

int cmd_evidence(const struct command *c, struct err *e)
{
	const struct str_list *words = &c->call->operands;
	const struct cli_values *v = &c->call->values;
	bool prunes = words->count > 1 && strcmp(words->items[0], "prune") == 0;

	if (!prunes && (v->older_than || v->routine || v->dry_run))
		return err_set(e, ERR_USAGE, "--older-than, --routine and --dry-run are options of "
					     "\"evidence prune\" alone");
	if (words->count == 1)
		return gather(c, words->items[0], e);
	if (strcmp(words->items[0], "verify") == 0)
		return verify(c, words->items[1], e);
	if (strcmp(words->items[0], "report") == 0)
		return report(c, words->items[1], e);
	if (prunes)
		return prune(c, words->items[1], e);
	return err_set(e, ERR_USAGE, "\"%.80s\" is neither verify, report nor prune", words->items[0]);
}
