/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mdoc from rows. A row's help line becomes a sentence: capital letter, full stop.
 */
#include "cli/man.h"

#include <ctype.h>
#include <string.h>

/* Text in an mdoc line: backslashes, and a leading control character, would be taken as orders. */
static void put_prose(struct text *t, const char *prose)
{
	bool line_starts = true;

	for (; *prose; prose++) {
		if (line_starts && (*prose == '.' || *prose == '\''))
			text_puts(t, "\\&");
		if (*prose == '\\')
			text_puts(t, "\\e");
		else
			text_add(t, prose, 1);
		line_starts = *prose == '\n';
	}
}

static void put_sentence(struct text *t, const char *help)
{
	char first[2] = { (char)toupper((unsigned char)help[0]) };

	put_prose(t, first);
	put_prose(t, help + 1);
	text_puts(t, ".\n");
}

/* " Ar file": what help writes in capitals a manual writes in small, underlined letters. */
static void put_argument(struct text *t, const char *argument)
{
	text_puts(t, " Ar ");
	for (; *argument; argument++) {
		char c = (char)tolower((unsigned char)*argument);

		text_add(t, &c, 1);
	}
}

static void put_option(struct text *t, const struct cli_option *option)
{
	text_puts(t, ".It ");
	if (option->letter)
		text_printf(t, "Fl %c , ", option->letter);
	text_printf(t, "Fl -%s", option->name);
	if (option->argument[0])
		put_argument(t, option->argument);
	text_puts(t, "\n");
	put_sentence(t, option->help);
	if (!option->words)
		return;
	text_puts(t, "One of");
	for (const char *const *word = cli_words(option); *word; word++)
		text_printf(t, "\n.Cm %s%s", *word, word[1] ? " ," : " .");
	text_puts(t, "\n");
}

static void put_options(struct text *t, const struct cli_command *command)
{
	const struct cli_option *options = command ? command->options : cli_global_options;

	text_puts(t, ".Bl -tag -width Ds\n");
	for (const struct cli_option *o = options; o->name[0]; o++)
		if (!o->hidden)
			put_option(t, o);
	if (command)
		put_option(t, &cli_help_option);
	text_puts(t, ".El\n");
}

/* "ID [SIGNAL]" as macros: one word or one bracketed word at a time. */
static void put_operands(struct text *t, const char *operands)
{
	while (*operands) {
		size_t len = strcspn(operands, " ");
		bool optional = *operands == '[';
		size_t word = strcspn(operands + optional, " ].");

		text_puts(t, optional ? ".Op Ar " : ".Ar ");
		for (size_t i = 0; i < word; i++) {
			char c = (char)tolower((unsigned char)operands[optional + i]);

			text_add(t, &c, 1);
		}
		text_puts(t, len >= 3 && memcmp(operands + len - 3, "...", 3) == 0 ? " ...\n" : "\n");
		operands += len + strspn(operands + len, " ");
	}
}

static void put_synopsis(struct text *t, const struct cli_command *command)
{
	text_puts(t, ".Nm orlop\n.Op Ar option ...\n");
	if (!command) {
		text_puts(t, ".Ar command\n.Op Ar option ...\n.Op Ar argument ...\n");
		return;
	}
	text_printf(t, ".Cm %s\n", command->name);
	for (const struct cli_option *o = command->options; o->name[0]; o++) {
		if (o->hidden)
			continue;
		if (o->letter)
			text_printf(t, ".Op Fl %c", o->letter);
		else
			text_printf(t, ".Op Fl -%s", o->name);
		if (o->argument[0])
			put_argument(t, o->argument);
		text_puts(t, "\n");
	}
	put_operands(t, command->operands);
}

static void put_commands(struct text *t)
{
	text_puts(t, ".Bl -tag -width features\n");
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++) {
		if (cli_commands[i].hidden)
			continue;
		text_printf(t, ".It Cm %s\n", cli_commands[i].name);
		put_sentence(t, cli_commands[i].summary);
		if (i != CLI_HELP)
			text_printf(t, "See\n.Xr orlop-%s 8 .\n", cli_commands[i].name);
	}
	text_puts(t, ".El\n");
}

/* The rest of an order after its word: a command's name, or nothing. */
static int order_command(const char *rest, size_t len, const struct cli_command **ret)
{
	char word[32];

	*ret = NULL;
	if (len == 0)
		return 0;
	if (len < 2 || len - 1 >= sizeof(word) || *rest != ' ')
		return -1;
	memcpy(word, rest + 1, len - 1);
	word[len - 1] = '\0';
	*ret = cli_command_find(word);
	return *ret ? 0 : -1;
}

static int obey(struct text *t, const char *order, size_t len)
{
	static const struct {
		const char *word;
		void (*put)(struct text *, const struct cli_command *);
	} orders[] = {
		{ "SYNOPSIS", put_synopsis },
		{ "OPTIONS", put_options },
	};
	const struct cli_command *command;

	if (len == strlen("COMMANDS") && memcmp(order, "COMMANDS", len) == 0) {
		put_commands(t);
		return 0;
	}
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		size_t word = strlen(orders[i].word);

		if (len < word || memcmp(order, orders[i].word, word) != 0)
			continue;
		if (order_command(order + word, len - word, &command))
			return -1;
		orders[i].put(t, command);
		return 0;
	}
	return -1;
}

static void copy_line(struct text *t, const char *line, size_t len, const char *version)
{
	static const char mark[] = "@VERSION@";
	const char *found = memmem(line, len, mark, sizeof(mark) - 1);

	if (!found) {
		text_add(t, line, len);
		return;
	}
	text_add(t, line, (size_t)(found - line));
	text_puts(t, version);
	copy_line(t, found + sizeof(mark) - 1, len - (size_t)(found - line) - (sizeof(mark) - 1),
		  version);
}

int man_fill(struct text *t, const char *name, const char *page, const char *version,
	     struct err *e)
{
	for (unsigned number = 1; *page; number++) {
		size_t len = strcspn(page, "\n");

		if (len > 2 && page[0] == '@' && page[len - 1] == '@') {
			if (obey(t, page + 1, len - 2))
				return err_set(e, ERR_CONFIG, "%s:%u: no such order: %.*s", name, number,
					       (int)len, page);
		} else {
			copy_line(t, page, len, version);
			text_puts(t, "\n");
		}
		page += len + (page[len] == '\n');
	}
	return 0;
}
