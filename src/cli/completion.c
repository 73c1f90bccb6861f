/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function for each shell. Hidden rows are not offered.
 */
#include "cli/completion.h"

#include <string.h>

#include "cli/table.h"

/* ---- bash ---- */

static void bash_words(struct text *t, const struct cli_option *options, bool add_help)
{
	for (const struct cli_option *o = options; o->name[0]; o++) {
		if (o->hidden)
			continue;
		if (o->letter)
			text_printf(t, "-%c ", o->letter);
		text_printf(t, "--%s ", o->name);
	}
	if (add_help)
		text_printf(t, "-%c --%s", cli_help_option.letter, cli_help_option.name);
}

static const char *bash_value(const struct cli_option *option)
{
	switch (option->type) {
	case CLI_DIR:
		return "-d";
	case CLI_PATH:
		return "-f";
	case CLI_FLAG:
	case CLI_WORD:
	case CLI_NUM:
	case CLI_LIST:
	case CLI_TYPE_COUNT_:
		break;
	}
	return "";
}

/* A case row for each option that takes a value, so that the value is completed and skipped. */
static void bash_values(struct text *t, const char *command, const struct cli_option *options)
{
	for (const struct cli_option *o = options; o->name[0]; o++) {
		if (o->hidden || !o->argument[0])
			continue;
		text_printf(t, "\t%s,--%s", command, o->name);
		if (o->letter)
			text_printf(t, "|%s,-%c", command, o->letter);
		text_puts(t, ") values='");
		if (o->words) {
			text_puts(t, "-W \"");
			for (const char *const *word = cli_words(o); *word; word++)
				text_printf(t, "%s%s", word == cli_words(o) ? "" : " ", *word);
			text_puts(t, "\"");
		} else {
			text_puts(t, bash_value(o));
		}
		text_puts(t, "' ;;\n");
	}
}

static void bash_operands(struct text *t)
{
	static const char *const words[] = {
		[CLI_NOTHING] = NULL,
		[CLI_CONTAINER] = "$(\"${COMP_WORDS[0]}\" \"${globals[@]}\" list --quiet 2>/dev/null)",
		[CLI_COMMAND_NAME] = "$commands",
		[CLI_SHELL_NAME] = "bash zsh fish",
	};

	for (unsigned i = 0; i < CLI_ID_COUNT_; i++)
		if (words[cli_commands[i].operand])
			text_printf(t, "\t%s) operands=\"%s\" ;;\n", cli_commands[i].name,
				    words[cli_commands[i].operand]);
}

static void print_bash(struct text *t)
{
	text_puts(t, "# Completion of orlop for bash; made from the program's own table.\n"
		     "# shellcheck shell=bash\n"
		     "_orlop()\n{\n"
		     "\tlocal current=${COMP_WORDS[COMP_CWORD]} command='' values options operands=''\n"
		     "\tlocal -a globals=()\n"
		     "\tlocal i word commands='");
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++)
		if (!cli_commands[i].hidden)
			text_printf(t, "%s%s", i ? " " : "", cli_commands[i].name);
	text_puts(t, "'\n\n\t_orlop_value()\n\t{\n\t\tvalues=none\n\t\tcase $1,$2 in\n");
	bash_values(t, "", cli_global_options);
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++)
		bash_values(t, cli_commands[i].name, cli_commands[i].options);
	text_puts(t, "\t\tesac\n\t\t[[ $values != none ]]\n\t}\n\n"
		     "\tCOMPREPLY=()\n"
		     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		     "\t\tword=${COMP_WORDS[i]}\n"
		     "\t\tif _orlop_value \"$command\" \"$word\"; then\n"
		     "\t\t\t[[ $command || $word != --root ]] ||\n"
		     "\t\t\t\tglobals=(--root \"${COMP_WORDS[i + 1]}\")\n"
		     "\t\t\t((i++))\n"
		     "\t\t\tif ((i == COMP_CWORD)); then\n"
		     "\t\t\t\t[[ $values != -[df] ]] || compopt -o filenames\n"
		     "\t\t\t\teval \"mapfile -t COMPREPLY < <(compgen $values -- \\\"\\$current\\\")\"\n"
		     "\t\t\t\treturn\n"
		     "\t\t\tfi\n"
		     "\t\telif [[ ! $command && $word != -* ]]; then\n"
		     "\t\t\tcommand=$word\n"
		     "\t\tfi\n"
		     "\tdone\n"
		     "\tcase $command in\n"
		     "\t'') operands=$commands options='");
	bash_words(t, cli_global_options, false);
	text_puts(t, "' ;;\n");
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++) {
		text_printf(t, "\t%s) options='", cli_commands[i].name);
		bash_words(t, cli_commands[i].options, true);
		text_puts(t, "' ;;\n");
	}
	text_puts(t, "\t*) options='' ;;\n\tesac\n"
		     "\tif [[ $current == -* ]]; then\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
		     "\t\treturn\n"
		     "\tfi\n"
		     "\tcase $command in\n");
	bash_operands(t);
	text_puts(t, "\tesac\n"
		     "\tmapfile -t COMPREPLY < <(compgen -W \"$operands\" -- \"$current\")\n"
		     "}\n"
		     "complete -F _orlop orlop\n");
}

/* ---- zsh ---- */

/* A text inside '...' inside _arguments: colons and brackets mean something there. */
static void zsh_text(struct text *t, const char *text)
{
	for (; *text; text++) {
		if (strchr(":[]\\", *text))
			text_puts(t, "\\");
		if (*text == '\'')
			text_puts(t, "'\\'");
		text_add(t, text, 1);
	}
}

static void zsh_action(struct text *t, const struct cli_option *option)
{
	if (option->words) {
		text_puts(t, "(");
		for (const char *const *word = cli_words(option); *word; word++)
			text_printf(t, "%s%s", word == cli_words(option) ? "" : " ", *word);
		text_puts(t, ")");
	} else if (option->type == CLI_DIR) {
		text_puts(t, "_files -/");
	} else if (option->type == CLI_PATH) {
		text_puts(t, "_files");
	}
}

static void zsh_option(struct text *t, const struct cli_option *option)
{
	const char *repeat = option->type == CLI_LIST ? "*" : "";

	if (option->letter && *repeat)
		text_printf(t, "\t\t'*'{-%c,--%s}'[", option->letter, option->name);
	else if (option->letter)
		text_printf(t, "\t\t'(-%c --%s)'{-%c,--%s}'[", option->letter, option->name,
			    option->letter, option->name);
	else
		text_printf(t, "\t\t'%s--%s[", repeat, option->name);
	zsh_text(t, option->help);
	text_puts(t, "]");
	if (option->argument[0]) {
		text_puts(t, ":");
		zsh_text(t, option->argument);
		text_puts(t, ":");
		zsh_action(t, option);
	}
	text_puts(t, "' \\\n");
}

static void zsh_options(struct text *t, const struct cli_option *options, bool add_help)
{
	for (const struct cli_option *o = options; o->name[0]; o++)
		if (!o->hidden)
			zsh_option(t, o);
	if (add_help)
		zsh_option(t, &cli_help_option);
}

static const char *zsh_operand(enum cli_operand operand)
{
	switch (operand) {
	case CLI_CONTAINER:
		return "'1:container:_orlop_containers'";
	case CLI_COMMAND_NAME:
		return "'1:command:_orlop_commands'";
	case CLI_SHELL_NAME:
		return "'1:shell:(bash zsh fish)'";
	case CLI_NOTHING:
		break;
	}
	return "'1: :'";
}

static void print_zsh(struct text *t)
{
	text_puts(t, "#compdef orlop\n"
		     "# Completion of orlop for zsh; made from the program's own table.\n\n"
		     "_orlop_containers()\n{\n"
		     "\tlocal -a names\n"
		     "\tnames=(${(f)\"$(_call_program containers orlop list --quiet)\"})\n"
		     "\tcompadd -a names\n"
		     "}\n\n"
		     "_orlop_commands()\n{\n"
		     "\tlocal -a commands\n"
		     "\tcommands=(\n");
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++) {
		if (cli_commands[i].hidden)
			continue;
		text_printf(t, "\t\t'%s:", cli_commands[i].name);
		zsh_text(t, cli_commands[i].summary);
		text_puts(t, "'\n");
	}
	text_puts(t, "\t)\n"
		     "\t_describe command commands\n"
		     "}\n\n"
		     "_orlop()\n{\n"
		     "\tlocal context state state_descr line\n"
		     "\ttypeset -A opt_args\n\n"
		     "\t_arguments -C -S \\\n");
	zsh_options(t, cli_global_options, false);
	text_puts(t, "\t\t'1:command:_orlop_commands' \\\n"
		     "\t\t'*::argument:->command'\n"
		     "\t[[ $state == command ]] || return\n"
		     "\tcase $line[1] in\n");
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++) {
		text_printf(t, "\t%s)\n\t\t_arguments -S \\\n", cli_commands[i].name);
		zsh_options(t, cli_commands[i].options, true);
		text_printf(t, "\t\t%s ;;\n", zsh_operand(cli_commands[i].operand));
	}
	text_puts(t, "\tesac\n"
		     "}\n\n"
		     "_orlop \"$@\"\n");
}

/* ---- fish ---- */

static void fish_text(struct text *t, const char *text)
{
	text_puts(t, "'");
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			text_puts(t, "\\");
		text_add(t, text, 1);
	}
	text_puts(t, "'");
}

static void fish_option(struct text *t, const char *condition, const struct cli_option *option)
{
	text_printf(t, "complete -c orlop -n '%s' -l %s", condition, option->name);
	if (option->letter)
		text_printf(t, " -s %c", option->letter);
	if (option->argument[0])
		text_puts(t, option->type == CLI_PATH ? " -rF" : " -x");
	if (option->type == CLI_DIR)
		text_puts(t, " -a '(__fish_complete_directories)'");
	if (option->words) {
		text_puts(t, " -a '");
		for (const char *const *word = cli_words(option); *word; word++)
			text_printf(t, "%s%s", word == cli_words(option) ? "" : " ", *word);
		text_puts(t, "'");
	}
	text_puts(t, " -d ");
	fish_text(t, option->help);
	text_puts(t, "\n");
}

static void print_fish(struct text *t)
{
	text_puts(t, "# Completion of orlop for fish; made from the program's own table.\n"
		     "complete -c orlop -f\n");
	for (const struct cli_option *o = cli_global_options; o->name[0]; o++)
		if (!o->hidden)
			fish_option(t, "__fish_use_subcommand", o);
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++) {
		if (cli_commands[i].hidden)
			continue;
		text_printf(t, "complete -c orlop -n __fish_use_subcommand -a %s -d ",
			    cli_commands[i].name);
		fish_text(t, cli_commands[i].summary);
		text_puts(t, "\n");
	}
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++) {
		const struct cli_command *c = &cli_commands[i];
		char condition[80] = "__fish_seen_subcommand_from ";

		strcat(condition, c->name);
		for (const struct cli_option *o = c->options; o->name[0]; o++)
			if (!o->hidden)
				fish_option(t, condition, o);
		fish_option(t, condition, &cli_help_option);
		if (c->operand == CLI_CONTAINER)
			text_printf(t, "complete -c orlop -n '%s' -a '(orlop list --quiet 2>/dev/null)'\n",
				    condition);
		if (c->operand == CLI_SHELL_NAME)
			text_printf(t, "complete -c orlop -n '%s' -a 'bash zsh fish'\n", condition);
		if (c->operand != CLI_COMMAND_NAME)
			continue;
		text_printf(t, "complete -c orlop -n '%s' -a '", condition);
		for (unsigned j = 0; j < CLI_ID_COUNT_; j++)
			if (!cli_commands[j].hidden)
				text_printf(t, "%s%s", j ? " " : "", cli_commands[j].name);
		text_puts(t, "'\n");
	}
}

bool completion_print(struct text *t, const char *shell)
{
	if (strcmp(shell, "bash") == 0)
		print_bash(t);
	else if (strcmp(shell, "zsh") == 0)
		print_zsh(t);
	else if (strcmp(shell, "fish") == 0)
		print_fish(t);
	else
		return false;
	return true;
}
