/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop kill.
 */
#include <signal.h>

#include "cli/command.h"
#include "oci/words.h"

static int refuse_signal(const char *id, const char *word, struct err *e)
{
	err_set(e, ERR_USAGE, "unknown signal \"%.40s\"", word);
	if (*word == '-')
		return err_hint(e, "signals are written without a dash");
	if (words_signal(id) >= 0)
		return err_hint(e, "the container comes first: kill ID SIGNAL");
	return err_hint(e, "a signal is a name like TERM or RTMIN+1, or a number up to 64");
}

int cmd_kill(const struct command *c, struct err *e)
{
	const struct str_list *operands = &c->call->operands;
	int number = SIGTERM;

	if (operands->count > 1) {
		number = words_signal(operands->items[1]);
		if (number < 0)
			return refuse_signal(operands->items[0], operands->items[1], e);
	}
	return life_kill(&c->life, operands->items[0], number, c->call->values.all, e);
}
