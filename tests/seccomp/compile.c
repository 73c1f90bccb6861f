/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the program that orlop makes of a profile to standard output, for check.py:
 *
 *	compile PROFILE
 *
 * as on x86_64, whatever the machine is. The cases here are not complete profiles, so the document
 * is read as the linux object of a configuration, whose unknown members are passed over.
 */
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/seccomp.h"
#include "orlop/auto.h"

enum { DOCUMENT_MAX = 1 << 20 };

int main(int argc, char **argv)
{
	auto_arena a = ARENA_NONE;
	struct oci_config config;
	struct seccomp_filter filter;
	struct err e;
	const char *text;

	if (argc != 2) {
		fprintf(stderr, "usage: compile PROFILE\n");
		return 2;
	}
	text = file_read_path(argv[1], DOCUMENT_MAX, &a, NULL);
	if (!text) {
		perror(argv[1]);
		return 1;
	}
	text = arena_printf(&a, "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"/\"},"
				"\"linux\":%s}", text);
	if (oci_config_read(argv[1], text, strlen(text), &a, &config, &e) < 0 ||
	    seccomp_compile_for(&config.linux.seccomp, SCMP_ARCH_X86_64, UINT32_MAX, &a, &filter,
				&e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	if (fd_write_all(STDOUT_FILENO, filter.code, filter.count * sizeof(*filter.code)) < 0) {
		perror("standard output");
		return 1;
	}
	return 0;
}
