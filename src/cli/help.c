/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two columns: what is written on the left, what happens on the right, wrapped at 80.
 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 80, LEFT_MOST = 28 };

static size_t lesser(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Words of `text` in lines that begin with `indent` spaces; the first line begins at `column`. */
static void wrap(struct text *t, const char *text, size_t indent, size_t column)
{
	bool fresh = true;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (!fresh && column + 1 + len > WIDTH) {
			text_printf(t, "\n%*s", (int)indent, "");
			column = indent;
			fresh = true;
		}
		if (!fresh) {
			text_puts(t, " ");
			column++;
		}
		text_add(t, text, len);
		column += len;
		fresh = false;
		text += len + strspn(text + len, " ");
	}
	text_puts(t, "\n");
}

static void left_column(const struct cli_option *option, char *bytes, size_t size)
{
	char letter[8] = "    ";

	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	snprintf(bytes, size, "  %s--%s%s%s", letter, option->name, option->argument[0] ? " " : "",
		 option->argument);
}

static void print_row(struct text *t, const char *left, const char *right, size_t column)
{
	size_t len = strlen(left);

	text_puts(t, left);
	if (len + 2 > column) {
		text_puts(t, "\n");
		len = 0;
	}
	text_printf(t, "%*s", (int)(column - len), "");
	wrap(t, right, column, column);
}

static void print_options(struct text *t, const struct cli_option *options, bool add_help)
{
	char left[80];
	size_t column = 0;

	left_column(&cli_help_option, left, sizeof(left));
	column = strlen(left) + 2;
	for (const struct cli_option *o = options; o->name[0]; o++) {
		if (o->hidden)
			continue;
		left_column(o, left, sizeof(left));
		if (strlen(left) + 2 > column)
			column = lesser(strlen(left) + 2, LEFT_MOST);
	}
	text_puts(t, "\noptions:\n");
	for (const struct cli_option *o = options; o->name[0]; o++) {
		if (o->hidden)
			continue;
		left_column(o, left, sizeof(left));
		print_row(t, left, o->help, column);
	}
	if (add_help) {
		left_column(&cli_help_option, left, sizeof(left));
		print_row(t, left, cli_help_option.help, column);
	}
}

static void print_commands(struct text *t)
{
	text_puts(t, "\ncommands:\n");
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++)
		if (!cli_commands[i].hidden)
			text_printf(t, "  %-12s%s\n", cli_commands[i].name, cli_commands[i].summary);
}

static void print_usage(struct text *t, const char *program, const struct cli_command *command)
{
	if (!command) {
		text_printf(t, "%s [OPTION]... COMMAND [OPTION]... [ARGUMENT]...\n", program);
		return;
	}
	text_printf(t, "%s [OPTION]... %s [OPTION]...%s%s\n", program, command->name,
		    *command->operands ? " " : "", command->operands);
}

void help_usage(struct text *t, const char *program, const struct cli_command *command)
{
	text_puts(t, "usage: ");
	print_usage(t, program, command);
}

/* The first two lines are laid out as runc's, which scripts take to pieces. */
static void print_name(struct text *t, const char *program, const struct cli_command *command)
{
	char name[64];

	text_puts(t, "NAME:\n   ");
	if (command)
		snprintf(name, sizeof(name), "%.32s %s - ", program, command->name);
	else
		snprintf(name, sizeof(name), "%.32s - ", program);
	text_puts(t, name);
	wrap(t, command ? command->summary : "Open Container Initiative runtime", 3,
	     3 + strlen(name));
	text_puts(t, "\nUSAGE:\n   ");
	print_usage(t, program, command);
	text_puts(t, "\n");
}

void help_print(struct text *t, const char *program, const struct cli_command *command)
{
	print_name(t, program, command);
	if (command) {
		wrap(t, command->about, 0, 0);
		print_options(t, command->options, true);
		text_printf(t, "\nThe options before the command: %s --help. The manual: orlop-%s(8).\n",
			    program, command->name);
		return;
	}
	wrap(t, "Runs containers as the OCI runtime specification describes them: one directory with "
		"a config.json and a root file system is one container.", 0, 0);
	print_commands(t);
	print_options(t, cli_global_options, false);
	text_printf(t, "\nOf a command: %s COMMAND --help. The manual: orlop(8).\n", program);
}
