/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the program that orlop makes of a profile to standard output, and the names that no
 * architecture of the profile has as lines "unknown NAME" to standard error: what check.py wants
 * of a generator. compile PROFILE.json
 */
#include <stdio.h>
#include <unistd.h>

#include "engine/seccomp.h"
#include "engine/seccomp_calls.h"
#include "orlop/auto.h"
#include "orlop/profile.h"

enum { ALL_FLAGS = 0x3f };		/* as if the kernel took every flag that there is */

static bool is_known(const struct oci_seccomp *rules, const char *name)
{
	for (size_t n = 0; n < rules->architectures.count; n++) {
		struct seccomp_call calls[2];
		struct seccomp_arch arch;

		seccomp_arch_init(&arch, rules->architectures.items[n]);
		if (seccomp_call_find(&arch, name, calls))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	auto_arena a = ARENA_NONE;
	const struct profile *profile;
	struct seccomp_filter filter;
	struct err e;
	size_t len;

	if (argc != 2) {
		fprintf(stderr, "usage: compile PROFILE.json\n");
		return 2;
	}
	if (profile_load(argv[1], &a, &profile, &e) < 0 ||
	    seccomp_compile(&profile->seccomp, ALL_FLAGS, &a, &filter, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	for (size_t i = 0; i < profile->seccomp.rules.count; i++) {
		const struct str_list *names = &profile->seccomp.rules.items[i].names;

		for (size_t j = 0; j < names->count; j++)
			if (!is_known(&profile->seccomp, names->items[j]))
				fprintf(stderr, "unknown %s\n", names->items[j]);
	}
	len = filter.count * sizeof(*filter.code);
	return write(STDOUT_FILENO, filter.code, len) == (ssize_t)len ? 0 : 1;
}
