/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any words as a command line. Refused with a sentence, or read into values that keep what the
 * table promises: operands within the command's counts, paths that are not empty, words among
 * those allowed, numbers below their limits. The same bytes as a user, a group, a profile, the
 * output of ps and a manual page.
 *
 * The sources are included: the parser belongs to no library that a fuzzer links.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/habit.c"	/* NOLINT(bugprone-suspicious-include) */
#include "cli/man.c"	/* NOLINT(bugprone-suspicious-include) */
#include "cli/parse.c"	/* NOLINT(bugprone-suspicious-include) */
#include "cli/spec.c"	/* NOLINT(bugprone-suspicious-include) */
#include "cli/table.c"	/* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

enum { MOST_WORDS = 64 };

static void must(bool condition)
{
	if (!condition)
		abort();
}

static bool is_among(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static void check_values(const struct cli_option *options, const struct cli_values *values)
{
	for (; options->name[0]; options++) {
		const char *at = (const char *)values + options->offset;
		const char *word = NULL;
		uint32_t number;

		if (options->type == CLI_NUM) {
			memcpy(&number, at, sizeof(number));
			must(number <= options->max);
		}
		if (options->type != CLI_PATH && options->type != CLI_DIR && options->type != CLI_WORD)
			continue;
		memcpy(&word, at, sizeof(word));
		if (word && options->type != CLI_WORD)
			must(*word);
		if (word && options->words)
			must(is_among(word, cli_words(options)));
	}
}

/* Words are separated by newlines. */
static void check_line(char *text, struct arena *a)
{
	char *argv[MOST_WORDS + 1];
	struct cli_call call;
	struct err e = { 0 };
	int argc = 0;

	for (; text && argc < MOST_WORDS; argc++)
		argv[argc] = strsep(&text, "\n");
	argv[argc] = NULL;
	if (cli_parse(argc, argv, a, &call, &e)) {
		must(call.mistake != CLI_MISTAKE_NONE && e.kind == ERR_USAGE);
		must(e.len == strlen(e.text) && e.len > 0);
		must(cli_mistake_status(call.mistake) == (call.mistake == CLI_MISTAKE_COMMAND ? 3 : 1));
		return;
	}
	must(call.mistake == CLI_MISTAKE_NONE);
	check_values(cli_global_options, &call.values);
	if (!call.command)
		return;
	check_values(call.command->options, &call.values);
	if (!call.values.help)
		must((int)call.operands.count >= call.command->min &&
		     (call.command->max == CLI_ANY_NUMBER ||
		      (int)call.operands.count <= call.command->max));
}

/* An id is read only from its own digits: written again it is the same text. */
static void check_ids(const char *text, struct arena *a)
{
	uint32_t uid, gid;
	bool has_gid;
	struct err e;

	if (cli_user(text, &uid, &gid, &has_gid, &e) == 0)
		must(strcmp(text, has_gid ? arena_printf(a, "%u:%u", uid, gid) :
					    arena_printf(a, "%u", uid)) == 0);
	if (cli_group(text, &gid, &e) == 0)
		must(strcmp(text, arena_printf(a, "%u", gid)) == 0);
}

static void check_texts(const char *text, struct arena *a)
{
	struct text page = TEXT_IN(a);
	size_t len = 0;
	struct err e;
	const char *found = spec_profile_seccomp(text, &len);

	if (found)
		must(found > text && len >= 2 && found[0] == '{' && found[len - 1] == '}' &&
		     found + len <= text + strlen(text));
	if (man_fill(&page, "fuzz", text, "1", &e))
		must(e.kind == ERR_CONFIG);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	auto_arena a = ARENA_NONE;
	char *text = arena_strndup(&a, (const char *)bytes, len);

	check_ids(text, &a);
	check_texts(text, &a);
	check_line(text, &a);
	return 0;
}
