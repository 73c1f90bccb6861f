/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of directories, without a fuzzer: what was found stays found. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "orlop/auto.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

enum { FILE_MAX = 1 << 20 };

/* False for what is no file. */
static bool replay(const char *dir, const char *name)
{
	auto_arena a = ARENA_NONE;
	size_t len;
	char *text = file_read_path(arena_printf(&a, "%s/%s", dir, name), FILE_MAX, &a, &len);
	unsigned char *exact;

	if (!text)
		return false;
	exact = malloc(len + !len);	/* so that a sanitizer sees the end */
	if (!exact)
		abort();
	memcpy(exact, text, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return true;
}

int main(int argc, char **argv)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		auto_dir DIR *d = opendir(argv[i]);
		struct dirent *entry;

		if (!d) {
			perror(argv[i]);
			return 1;
		}
		while ((entry = readdir(d)))
			count += replay(argv[i], entry->d_name);
	}
	printf("%zu inputs\n", count);
	return count < 10;
}
