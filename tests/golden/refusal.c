/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said about a document that is refused. `refusal FILE` prints it; a file called
 * process.json or resources.json is read as that object, any other as a configuration.
 * `refusal --check DIR` compares, for each case in DIR, with the file `error` beside the document.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "orlop/auto.h"
#include "orlop/oci_config.h"

enum { FILE_MAX = 20 * 1024 * 1024 };

static int read_as(const char *name, const char *text, size_t len, struct arena *a, struct err *e)
{
	struct oci_config config;
	struct oci_process process;
	struct oci_resources resources;

	if (strcmp(name, "process.json") == 0)
		return oci_process_read(name, text, len, a, &process, e);
	if (strcmp(name, "resources.json") == 0)
		return oci_resources_read(name, text, len, a, &resources, e);
	return oci_config_read(name, text, len, a, &config, e);
}

/* The message with a newline, "accepted\n", or NULL when the file cannot be read. */
static const char *refusal(const char *path, struct arena *a)
{
	const char *slash = strrchr(path, '/');
	struct err e;
	size_t len;
	char *text = file_read_path(path, FILE_MAX, a, &len);

	if (!text)
		return NULL;
	if (read_as(slash ? slash + 1 : path, text, len, a, &e) == 0)
		return "accepted\n";
	return arena_printf(a, "%s\n", e.text);
}

/* The case's document: the file of the three that is there. */
static const char *case_refusal(const char *dir, const char *name, struct arena *a)
{
	static const char *const files[] = { "config.json", "process.json", "resources.json" };
	const char *got = NULL;

	for (size_t i = 0; i < ARRAY_LEN(files) && !got; i++)
		got = refusal(arena_printf(a, "%s/%s/%s", dir, name, files[i]), a);
	return got;
}

static int check_case(const char *dir, const char *name)
{
	auto_arena a = ARENA_NONE;
	size_t len;
	const char *want = file_read_path(arena_printf(&a, "%s/%s/error", dir, name), FILE_MAX, &a,
					  &len);
	const char *got = case_refusal(dir, name, &a);

	if (got && want && strcmp(got, want) == 0)
		return 0;
	printf("%s\n   got: %s  want: %s", name, got ? got : "(no document)\n",
	       want ? want : "(no file error)\n");
	return 1;
}

static int check_all(const char *dir)
{
	auto_dir DIR *d = opendir(dir);
	struct dirent *entry;
	int cases = 0, wrong = 0;

	if (!d) {
		perror(dir);
		return 1;
	}
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.') {
			cases++;
			wrong += check_case(dir, entry->d_name);
		}
	printf("%d cases, %d wrong%s\n", cases, wrong, wrong ? "; see tools/bless" : "");
	return wrong || !cases;
}

int main(int argc, char **argv)
{
	auto_arena a = ARENA_NONE;
	const char *text;

	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check_all(argv[2]);
	if (argc != 2) {
		fprintf(stderr, "usage: refusal FILE | refusal --check DIR\n");
		return 2;
	}
	text = refusal(argv[1], &a);
	if (!text) {
		perror(argv[1]);
		return 1;
	}
	fputs(text, stdout);
	return 0;
}
