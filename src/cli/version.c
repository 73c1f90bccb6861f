/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines read this: go-runc takes the first line when it begins with "runc version ", Docker the
 * word after "version" and the line that begins with "commit:".
 */
#include "cli/version.h"

#include <seccomp.h>
#include <string.h>

#include "commit.h"
#include "config.h"

const char *version_spec(void)
{
	return ORLOP_SPEC_VERSION;
}

const char *version_seccomp(struct arena *a)
{
	const struct scmp_version *v = seccomp_version();

	return arena_printf(a, "%u.%u.%u", v->major, v->minor, v->micro);
}

void version_print(struct text *t, const char *program)
{
	bool as_runc = strcmp(program, "runc") == 0;

	/* Called runc, it says in the version itself whose it is. */
	text_printf(t, "%s version %s%s\n", program, ORLOP_VERSION, as_runc ? "+orlop" : "");
	text_printf(t, "commit: %s\n", ORLOP_COMMIT);
	text_printf(t, "spec: %s\n", version_spec());
	text_printf(t, "libseccomp: %s\n", version_seccomp(t->arena));
}
