/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the command line. One loop serves the options before the command and those after it.
 * Words in messages are cut at 80 bytes; escaping them is the log's business.
 */
#include "cli/parse.h"

#include <string.h>

#include "cli/habit.h"

/* (uid_t)-1 means "leave it" to the kernel, so it is nobody's id. */
#define LAST_ID (UINT32_MAX - 1)

struct reading {
	char **argv;
	int argc, at;
	struct arena *arena;
	struct cli_call *call;
	struct err *e;
};

static int mistake(struct reading *r, enum cli_mistake kind)
{
	r->call->mistake = kind;
	return -1;
}

bool cli_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

static int bad_id(const char *option, const char *text, const char *wanted, struct err *e)
{
	err_set(e, ERR_USAGE, "invalid value \"%.80s\" for flag -%s: parse error", text, option);
	return err_hint(e, "%s, in decimal digits, each at most %u", wanted, LAST_ID);
}

int cli_user(const char *text, uint32_t *ret_uid, uint32_t *ret_gid, bool *ret_has_gid,
	     struct err *e)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	uint32_t uid, gid = 0;
	char word[16];

	if (len < sizeof(word)) {
		memcpy(word, text, len);
		word[len] = '\0';
		if (cli_number(word, LAST_ID, &uid) &&
		    (!colon || cli_number(colon + 1, LAST_ID, &gid))) {
			*ret_uid = uid;
			*ret_gid = gid;
			*ret_has_gid = colon;
			return 0;
		}
	}
	return bad_id("user", text, "give UID or UID:GID", e);
}

int cli_group(const char *text, uint32_t *ret, struct err *e)
{
	if (cli_number(text, LAST_ID, ret))
		return 0;
	return bad_id("additional-gids", text, "give one GID", e);
}

int cli_mistake_status(enum cli_mistake kind)
{
	return kind == CLI_MISTAKE_COMMAND ? 3 : 1;
}

static void *member(struct reading *r, const struct cli_option *option)
{
	return (char *)&r->call->values + option->offset;
}

/* The words that Go's flag package takes for a boolean. */
static bool boolean(const char *text, bool *ret)
{
	static const char *const words[2][6] = {
		{ "0", "f", "F", "false", "FALSE", "False" },
		{ "1", "t", "T", "true", "TRUE", "True" },
	};

	for (int value = 0; value < 2; value++)
		for (int i = 0; i < 6; i++)
			if (strcmp(words[value][i], text) == 0) {
				*ret = value;
				return true;
			}
	return false;
}

static int refuse_word(struct reading *r, const struct cli_option *option, const char *value)
{
	size_t len = strlen(option->refusal);
	bool names_value = len > 2 && strcmp(option->refusal + len - 2, ": ") == 0;
	char list[128] = "";

	err_set(r->e, ERR_USAGE, "%s%.80s", option->refusal, names_value ? value : "");
	for (const char *const *word = cli_words(option); *word; word++) {
		if (list[0])
			strncat(list, word[1] ? ", " : " or ", sizeof(list) - strlen(list) - 1);
		strncat(list, *word, sizeof(list) - strlen(list) - 1);
	}
	err_hint(r->e, "--%s takes %s", option->name, list);
	return mistake(r, CLI_MISTAKE_VALUE);
}

static int refuse_value(struct reading *r, const struct cli_option *option, const char *value,
			const char *why)
{
	err_set(r->e, ERR_USAGE, "invalid value \"%.80s\" for flag -%s: %s", value, option->name,
		why);
	return mistake(r, CLI_MISTAKE_OPTION);
}

static int set_flag(struct reading *r, const struct cli_option *option, const char *value)
{
	if (!value) {
		*(bool *)member(r, option) = true;
		return 0;
	}
	if (boolean(value, member(r, option)))
		return 0;
	err_set(r->e, ERR_USAGE, "invalid boolean value \"%.80s\" for -%s: parse error", value,
		option->name);
	err_hint(r->e, "--%s is given alone, or as --%s=true or --%s=false", option->name,
		 option->name, option->name);
	return mistake(r, CLI_MISTAKE_OPTION);
}

static void add_word(struct reading *r, struct str_list *list, char *word)
{
	if (!list->items)
		list->items = arena_new_array(r->arena, char *, (size_t)r->argc);
	list->items[list->count++] = word;
}

static int set_value(struct reading *r, const struct cli_option *option, char *value)
{
	switch (option->type) {
	case CLI_PATH:
	case CLI_DIR:
		if (!*value)
			return refuse_value(r, option, value, "the path is empty");
		*(const char **)member(r, option) = value;
		return 0;
	case CLI_WORD:
		for (const char *const *word = cli_words(option); word && *word; word++) {
			if (strcmp(*word, value) == 0)
				break;
			if (!word[1])
				return refuse_word(r, option, value);
		}
		*(const char **)member(r, option) = value;
		return 0;
	case CLI_NUM:
		if (cli_number(value, option->max, member(r, option)))
			return 0;
		refuse_value(r, option, value, "parse error");
		err_hint(r->e, "--%s %s is a whole number, at most %u", option->name,
			 option->argument, option->max);
		return -1;
	case CLI_LIST:
		add_word(r, member(r, option), value);
		return 0;
	case CLI_FLAG:
	case CLI_TYPE_COUNT_:
		break;
	}
	err_bug(__FILE__, __LINE__, "an option without a type");
}

/* True when each letter of "-dt" is a flag of its own. */
static bool are_letters(const struct cli_command *command, const char *name)
{
	if (strlen(name) < 2)
		return false;
	for (; *name; name++) {
		const struct cli_option *option = cli_option_find(command, name, 1);

		if (!option || option->type != CLI_FLAG)
			return false;
	}
	return true;
}

static int refuse_option(struct reading *r, const char *name, size_t len)
{
	const struct cli_command *command = r->call->command;
	const char *near = cli_option_nearest(command, name, len);
	const char *habit = habit_option(command, name, len);

	err_set(r->e, ERR_USAGE, "flag provided but not defined: -%.*s", len < 80 ? (int)len : 80,
		name);
	if (are_letters(command, name))
		err_hint(r->e, "letters are given one by one: -%c -%c", name[0], name[1]);
	else if (near)
		err_hint(r->e, "the nearest is --%s", near);
	else if (!command && cli_option_find(&cli_commands[CLI_CREATE], name, len))
		err_hint(r->e, "--%.*s comes after the command", (int)len, name);
	else if (command && cli_option_find(NULL, name, len))
		err_hint(r->e, "--%.*s comes before the command", (int)len, name);
	else if (habit)
		err_hint(r->e, "%s", habit);
	return mistake(r, CLI_MISTAKE_OPTION);
}

static int read_option(struct reading *r, char *word)
{
	char *name = word + (word[1] == '-' ? 2 : 1);
	char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct cli_option *option;

	if (len == 0 || *name == '-') {
		err_set(r->e, ERR_USAGE, "bad flag syntax: %.80s", word);
		return mistake(r, CLI_MISTAKE_OPTION);
	}
	option = cli_option_find(r->call->command, name, len);
	if (!option)
		return refuse_option(r, name, len);
	if (option->type == CLI_FLAG)
		return set_flag(r, option, equals ? equals + 1 : NULL);
	if (equals)
		return set_value(r, option, equals + 1);
	if (r->at == r->argc) {
		err_set(r->e, ERR_USAGE, "flag needs an argument: %s", word);
		return mistake(r, CLI_MISTAKE_OPTION);
	}
	return set_value(r, option, r->argv[r->at++]);
}

/* Reads options and operands; stops before the first operand when `stops` is set. */
static int read_words(struct reading *r, bool stops)
{
	while (r->at < r->argc) {
		char *word = r->argv[r->at];

		if (word[0] != '-' || !word[1]) {
			if (stops)
				return 0;
			add_word(r, &r->call->operands, word);
			r->at++;
			continue;
		}
		r->at++;
		if (strcmp(word, "--") == 0)
			return 0;
		if (read_option(r, word))
			return -1;
	}
	return 0;
}

static int check_count(struct reading *r)
{
	const struct cli_command *command = r->call->command;
	int count = (int)r->call->operands.count;
	const char *amount;
	int limit;

	if (count >= command->min && (command->max == CLI_ANY_NUMBER || count <= command->max))
		return 0;
	amount = command->min == command->max ? "exactly" :
		 count < command->min ? "a minimum of" : "a maximum of";
	limit = count < command->min ? command->min : command->max;
	err_set(r->e, ERR_USAGE, "%s: \"%s\" requires %s %d argument(s)", r->call->program,
		command->name, amount, limit);
	return mistake(r, CLI_MISTAKE_COUNT);
}

static int refuse_command(struct reading *r, const char *name)
{
	const char *near = cli_command_nearest(name), *habit = habit_command(name);

	err_set(r->e, ERR_USAGE, "No help topic for '%.80s'", name);
	if (habit)
		err_hint(r->e, "%s", habit);
	else if (near)
		err_hint(r->e, "the nearest command is %s", near);
	return mistake(r, CLI_MISTAKE_COMMAND);
}

/* Two options say who makes cgroups; podman sends one, everybody else the other. */
static int check_globals(struct reading *r)
{
	const struct cli_values *v = &r->call->values;

	if (!v->systemd_cgroup || !v->cgroup_manager || strcmp(v->cgroup_manager, "systemd") == 0)
		return 0;
	err_set(r->e, ERR_USAGE, "--systemd-cgroup and --cgroup-manager %s contradict each other",
		v->cgroup_manager);
	return mistake(r, CLI_MISTAKE_VALUE);
}

/* Engines that were told to call runc find the texts they know; any other name is ours. */
static const char *program_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (slash)
		path = slash + 1;
	return path && strcmp(path, "runc") == 0 ? "runc" : "orlop";
}

int cli_parse(int argc, char **argv, struct arena *a, struct cli_call *ret, struct err *e)
{
	struct reading r = { .argv = argv, .argc = argc, .at = 1, .arena = a, .call = ret, .e = e };

	*ret = (struct cli_call){ .program = program_name(argc > 0 ? argv[0] : NULL) };
	if (read_words(&r, true) || check_globals(&r))
		return -1;
	if (r.at >= argc || ret->values.show_version)	/* whatever follows, as with runc */
		return 0;
	ret->command = cli_command_find(argv[r.at]);
	if (!ret->command)
		return refuse_command(&r, argv[r.at]);
	r.at++;
	if (read_words(&r, ret->command->stops))
		return -1;
	while (r.at < argc)
		add_word(&r, &ret->operands, argv[r.at++]);
	if (ret->values.help)
		return 0;
	if (check_count(&r))
		return -1;
	if (ret->command == &cli_commands[CLI_HELP] && ret->operands.count &&
	    !cli_command_find(ret->operands.items[0]))
		return refuse_command(&r, ret->operands.items[0]);
	return 0;
}
