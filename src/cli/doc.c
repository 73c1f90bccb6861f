/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of the build, run on the machine that builds: fills manual pages and prints
 * completion scripts, from the same table that the runtime is made of.
 *
 *   orlop-doc man FILE.in VERSION	the page, filled in
 *   orlop-doc completion SHELL		the script
 *   orlop-doc profiles FILE...		a C file with the texts of profiles, in the given order
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/completion.h"
#include "cli/man.h"
#include "orlop/arena.h"

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "orlop-doc: %s: %s\n", what, why);
	return 1;
}

static int read_file(struct text *t, const char *path)
{
	char bytes[4096];
	size_t n;
	FILE *f = fopen(path, "re");

	if (!f)
		return fail(path, strerror(errno));
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		text_add(t, bytes, n);
	fclose(f);
	return 0;
}

/* A C string literal, a line of it for each line of the text. */
static void put_literal(struct text *t, const char *text)
{
	text_puts(t, "\t\t\"");
	for (; *text; text++) {
		if (*text == '\n')
			text_puts(t, "\\n\"\n\t\t\"");
		else if (*text == '\t')
			text_puts(t, "\\t");
		else if (*text == '"' || *text == '\\' || *text == '?')	/* no trigraphs */
			text_printf(t, "\\%c", *text);
		else
			text_add(t, text, 1);
	}
	text_puts(t, "\"");
}

static int put_profile(struct text *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	struct text content = TEXT_IN(t->arena);

	if (!dot || dot == name)
		return fail(path, "a profile's file is called NAME.json");
	if (read_file(&content, path))
		return 1;
	text_printf(t, "\t{ \"%.*s\",\n", (int)(dot - name), name);
	put_literal(t, text_get(&content));
	text_puts(t, " },\n");
	return 0;
}

static int put_profiles(struct text *t, char **paths, int count)
{
	text_puts(t, "/* Generated from profiles/. */\n#include \"cli/profiles.h\"\n\n"
		     "const struct profile_text profiles_builtin[] = {\n");
	for (int i = 0; i < count; i++)
		if (put_profile(t, paths[i]))
			return 1;
	text_puts(t, "\t{ 0 },\n};\n");
	return 0;
}

static int fill_page(struct text *t, const char *path, const char *version)
{
	struct text page = TEXT_IN(t->arena);
	struct err e;

	if (read_file(&page, path))
		return 1;
	if (man_fill(t, path, text_get(&page), version, &e))
		return fail("manual page", e.text);
	return 0;
}

int main(int argc, char **argv)
{
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);

	if (argc == 4 && strcmp(argv[1], "man") == 0) {
		if (fill_page(&t, argv[2], argv[3]))
			return 1;
	} else if (argc > 1 && strcmp(argv[1], "profiles") == 0) {
		if (put_profiles(&t, argv + 2, argc - 2))
			return 1;
	} else if (argc != 3 || strcmp(argv[1], "completion") != 0 ||
		   !completion_print(&t, argv[2])) {
		return fail("usage", "orlop-doc man FILE VERSION | completion SHELL | profiles FILE...");
	}
	if (fwrite(text_get(&t), 1, t.len, stdout) != t.len || fflush(stdout) != 0)
		return fail("standard output", strerror(errno));
	return 0;
}
