/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop features.
 */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/version.h"
#include "oci/features.h"

int cmd_features(const struct command *c, struct err *e)
{
	struct text t = TEXT_IN(c->arena);

	text_puts(&t, features_print(version_spec(), version_seccomp(c->arena), c->arena));
	return print_out(&t, e);
}
