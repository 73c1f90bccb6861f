/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop delete. Of several containers each is tried; what is wrong with one is a warning, and their
 * number is the error.
 */
#include <regex.h>

#include "cli/command.h"

/* The containers whose name the expression matches anywhere, as crun has it. */
static int match_names(const struct command *c, const char *expression, struct str_list *ret,
		       struct err *e)
{
	struct str_list all;
	regex_t regex;
	char reason[128];
	int code = regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB);

	if (code) {
		regerror(code, &regex, reason, sizeof(reason));
		return err_set(e, ERR_USAGE, "invalid regular expression \"%s\": %s", expression,
			       reason);
	}
	if (life_names(&c->life, c->arena, &all, e)) {
		regfree(&regex);
		return -1;
	}
	ret->items = arena_new_array(c->arena, char *, all.count);
	ret->count = 0;
	for (size_t i = 0; i < all.count; i++)
		if (regexec(&regex, all.items[i], 0, NULL, 0) == 0)
			ret->items[ret->count++] = all.items[i];
	regfree(&regex);
	return 0;
}

static int delete_each(const struct command *c, const struct str_list *names, struct err *e)
{
	size_t left = 0;

	for (size_t i = 0; i < names->count; i++) {
		if (life_delete(&c->life, names->items[i], c->call->values.force, e) == 0)
			continue;
		c->life.warn(arena_printf(c->arena, "%s: %s", names->items[i], e->text));
		left++;
	}
	if (left)
		return err_set(e, ERR_STATE, "%zu of %zu containers could not be deleted", left,
			       names->count);
	return 0;
}

int cmd_delete(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	const struct str_list *operands = &c->call->operands;
	struct str_list names;

	if (!v->regex && operands->count == 1)
		return life_delete(&c->life, operands->items[0], v->force, e);
	if (!v->regex)
		return delete_each(c, operands, e);
	for (size_t i = 0; i < operands->count; i++) {
		if (match_names(c, operands->items[i], &names, e))
			return -1;
		if (names.count == 0 && !v->force)
			return err_set(e, ERR_STATE, "no container's name matches \"%s\"",
				       operands->items[i]);
		if (delete_each(c, &names, e))
			return -1;
	}
	return 0;
}
