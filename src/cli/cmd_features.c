/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop features.
 */
#include "cli/command.h"
#include "cli/print.h"
#include "oci/features.h"

int cmd_features(const struct command *c, struct err *e)
{
	struct text t = TEXT_IN(c->arena);

	text_printf(&t, "%s\n", features_text(c->arena));
	return print_out(&t, e);
}
