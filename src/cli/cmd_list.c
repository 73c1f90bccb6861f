/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop list.
 */
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/print.h"

enum { USERS_MAX = 4 * 1024 * 1024 };

int cmd_list(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct text t = TEXT_IN(c->arena);
	struct life_views views;
	const char *users = NULL;
	size_t len;

	if (life_list(&c->life, c->arena, &views, e))
		return -1;
	if (v->quiet) {
		print_list_names(&t, &views);
		return print_out(&t, e);
	}
	if (views.count)	/* owners without a name are shown by number */
		users = file_read_path("/etc/passwd", USERS_MAX, c->arena, &len);
	if (v->format && strcmp(v->format, "json") == 0)
		print_list_json(&t, &views, users);
	else
		print_list_table(&t, &views, users);
	return print_out(&t, e);
}
