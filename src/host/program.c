/* SPDX-License-Identifier: Apache-2.0 */
#include "host/program.h"

#include <stddef.h>
#include <unistd.h>

#include "orlop/auto.h"

const char *program_find(const char *name, struct arena *a)
{
	static const char *const places[] = {
		"/run/wrappers/bin",	/* NixOS: the ones with special rights */
		"/usr/local/sbin", "/usr/local/bin",
		"/usr/sbin", "/usr/bin", "/sbin", "/bin",
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const char *path = arena_printf(a, "%s/%s", places[i], name);

		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}
