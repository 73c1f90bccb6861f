/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of the build, run on the machine that builds: fills manual pages and prints
 * completion scripts, from the same table that the runtime is made of.
 *
 *   orlop-doc man FILE.in VERSION	the page, filled in
 *   orlop-doc completion SHELL		the script
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

static int fill_page(struct text *t, const char *path, const char *version)
{
	struct text page = TEXT_IN(t->arena);
	char bytes[4096];
	struct err e;
	size_t n;
	FILE *f = fopen(path, "re");

	if (!f)
		return fail(path, strerror(errno));
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		text_add(&page, bytes, n);
	fclose(f);
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
	} else if (argc != 3 || strcmp(argv[1], "completion") != 0 ||
		   !completion_print(&t, argv[2])) {
		return fail("usage", "orlop-doc man FILE VERSION | completion SHELL");
	}
	if (fwrite(text_get(&t), 1, t.len, stdout) != t.len || fflush(stdout) != 0)
		return fail("standard output", strerror(errno));
	return 0;
}
