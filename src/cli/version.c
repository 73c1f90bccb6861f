/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines read this: go-runc takes the first line when it begins with "runc version ", Docker the
 * word after "version" and the line that begins with "commit:".
 */
#include "cli/version.h"

#include <seccomp.h>
#include <stdbool.h>
#include <string.h>

#include "commit.h"
#include "config.h"

void version_print(struct text *t, const char *program)
{
	const struct scmp_version *seccomp = seccomp_version();
	bool as_runc = strcmp(program, "runc") == 0;

	/* Called runc, it says in the version itself whose it is. */
	text_printf(t, "%s version %s%s\n", program, ORLOP_VERSION, as_runc ? "+orlop" : "");
	text_printf(t, "commit: %s\n", ORLOP_COMMIT);
	text_puts(t, "spec: " ORLOP_SPEC_VERSION "\n");
	text_printf(t, "libseccomp: %u.%u.%u\n", seccomp->major, seccomp->minor, seccomp->micro);
}
