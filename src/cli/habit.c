/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/habit.h"

#include <string.h>

#include "orlop/auto.h"

static const struct {
	char word[12], hint[96];
} commands[] = {
	{ "inspect", "the command for that is state" },
	{ "logs", "output is not kept: it went where that of run, or of create, went" },
	{ "ls", "the command for that is list" },
	{ "rm", "the command for that is delete" },
	{ "stats", "the command for that is events --stats" },
	{ "stop", "kill sends SIGTERM, and delete removes what has stopped" },
	{ "top", "the command for that is ps" },
	{ "unpause", "the command for that is resume" },
	{ "version", "the option for that is --version" },
};

static const char in_config[] = "the terminal is process.terminal in config.json";
static const char input[] = "standard input is always passed on, and -t gives a terminal";
static const char name_is_id[] = "the name is the argument ID";

/* An empty word stands for every option that the command does not have. */
static const struct {
	enum cli_id command;
	char word[12];
	const char *hint;
} options[] = {
	{ CLI_CREATE, "t", in_config },
	{ CLI_CREATE, "tty", in_config },
	{ CLI_CREATE, "name", name_is_id },
	{ CLI_RUN, "i", in_config },
	{ CLI_RUN, "it", in_config },
	{ CLI_RUN, "t", in_config },
	{ CLI_RUN, "ti", in_config },
	{ CLI_RUN, "tty", in_config },
	{ CLI_RUN, "name", name_is_id },
	{ CLI_RUN, "rm", "without --detach and --keep the container is deleted at its end" },
	{ CLI_EXEC, "i", input },
	{ CLI_EXEC, "interactive", input },
	{ CLI_EXEC, "it", input },
	{ CLI_EXEC, "ti", input },
	{ CLI_EXEC, "privileged", "capabilities are added one by one: --cap NAME" },
	{ CLI_EXEC, "w", "the option for that is --cwd" },
	{ CLI_EXEC, "workdir", "the option for that is --cwd" },
	{ CLI_LIST_CONTAINERS, "a", "all containers are printed, those that have stopped too" },
	{ CLI_LIST_CONTAINERS, "all", "all containers are printed, those that have stopped too" },
	{ CLI_UPDATE, "cpus", "processors are given as --cpu-quota of each --cpu-period" },
	{ CLI_KILL, "", "the signal follows the container: kill ID SIGNAL" },
	{ CLI_PS, "", "options of ps follow the container: ps ID -o pid,args" },
};

static bool is_word(const char *word, const char *name, size_t len)
{
	return !*word || (strlen(word) == len && memcmp(word, name, len) == 0);
}

const char *habit_command(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].word, word) == 0)
			return commands[i].hint;
	return NULL;
}

const char *habit_option(const struct cli_command *command, const char *name, size_t len)
{
	for (size_t i = 0; command && i < ARRAY_LEN(options); i++)
		if (command == &cli_commands[options[i].command] &&
		    is_word(options[i].word, name, len))
			return options[i].hint;
	return NULL;
}
