/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of reading a command line, and the table's own consistency. Whole command lines with
 * what comes of them are golden cases: tests/golden/cli.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cli/parse.h"
#include "orlop/auto.h"

enum { MOST_WORDS = 12 };

/* Splits at single spaces; "''" is an empty word. */
static int parse(const char *line, struct arena *a, struct cli_call *call, struct err *e)
{
	char *argv[MOST_WORDS + 1] = { NULL };
	char *copy = arena_strdup(a, line);
	int argc = 0;

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
		CHECK(argc < MOST_WORDS, "%s", line);
		if (argc < MOST_WORDS)
			argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
	}
	return cli_parse(argc, argv, a, call, e);
}

/* Looks at one value, of the command or else of the program. */
static void check_value(const char *line, const char *name, const char *want)
{
	auto_arena a = ARENA_NONE;
	struct cli_call call;
	struct err e = { 0 };
	const struct cli_option *option;

	if (parse(line, &a, &call, &e)) {
		CHECK(false, "%s: %s", line, e.text);
		return;
	}
	option = cli_option_find(call.command, name, strlen(name));
	if (!option)
		option = cli_option_find(NULL, name, strlen(name));
	CHECK(option, "%s", name);
	if (option)
		CHECK_STR(*(const char **)((char *)&call.values + option->offset), want);
}

static void check_error(const char *line, enum cli_mistake mistake, int status, const char *text)
{
	auto_arena a = ARENA_NONE;
	struct cli_call call;
	struct err e = { 0 };

	CHECK(parse(line, &a, &call, &e) == -1, "%s", line);
	CHECK(call.mistake == mistake, "%s: %d", line, (int)call.mistake);
	CHECK(cli_mistake_status(call.mistake) == status, "%s", line);
	CHECK(e.kind == ERR_USAGE, "%s", line);
	CHECK_STR(e.text, text);
}

static void test_values(void)
{
	check_value("orlop create --bundle /b c", "bundle", "/b");
	check_value("orlop create --bundle=/b c", "bundle", "/b");
	check_value("orlop create -bundle /b c", "bundle", "/b");
	check_value("orlop create -bundle=/b c", "bundle", "/b");
	check_value("orlop create -b /b c", "bundle", "/b");
	check_value("orlop create -b=/b c", "bundle", "/b");
	check_value("orlop create --b /b c", "bundle", "/b");
	check_value("orlop create c --bundle /b", "bundle", "/b");
	check_value("orlop create --bundle=a=b c", "bundle", "a=b");
	check_value("orlop create --bundle - c", "bundle", "-");
	check_value("orlop create --bundle -- c", "bundle", "--");
	check_value("orlop exec --cwd= c sh", "cwd", "");
	check_value("orlop exec --cwd '' c sh", "cwd", "");
	check_value("orlop --root /a --root=/b state c", "root", "/b");
	check_value("orlop --log-format json state c", "log-format", "json");
	check_value("orlop --cgroup-manager systemd --systemd-cgroup list", "cgroup-manager", "systemd");
	check_value("orlop exec c sh --cwd /x", "cwd", NULL);
}

static void test_lists(void)
{
	auto_arena a = ARENA_NONE;
	struct cli_call call;
	struct err e;

	CHECK(parse("orlop exec -e A=1,2 --env=B -e=C= c sh -e D", &a, &call, &e) == 0, " ");
	CHECK(call.values.env.count == 3, "%zu", call.values.env.count);
	CHECK_STR(call.values.env.items[0], "A=1,2");
	CHECK_STR(call.values.env.items[1], "B");
	CHECK_STR(call.values.env.items[2], "C=");
	CHECK(call.operands.count == 4, "%zu", call.operands.count);
	CHECK_STR(call.operands.items[3], "D");
}

static void test_flags(void)
{
	static const struct {
		const char *line;
		bool detach;
	} rows[] = {
		{ "orlop run c", false }, { "orlop run -d c", true }, { "orlop run c --detach", true },
		{ "orlop run --detach=true c", true }, { "orlop run --detach=T c", true },
		{ "orlop run -d=0 c", false }, { "orlop run -d --detach=False c", false },
		{ "orlop run -- -d", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		struct cli_call call;
		struct err e = { 0 };

		CHECK(parse(rows[i].line, &a, &call, &e) == 0, "%s: %s", rows[i].line, e.text);
		CHECK(call.values.detach == rows[i].detach, "%s", rows[i].line);
		CHECK(call.operands.count == 1, "%s", rows[i].line);
	}
}

static void test_errors(void)
{
	check_error("orlop foo", CLI_MISTAKE_COMMAND, 3, "No help topic for 'foo'");
	check_error("orlop ''", CLI_MISTAKE_COMMAND, 3, "No help topic for ''");
	check_error("runc start", CLI_MISTAKE_COUNT, 1,
		    "runc: \"start\" requires exactly 1 argument(s)");
	check_error("/usr/bin/other start", CLI_MISTAKE_COUNT, 1,
		    "orlop: \"start\" requires exactly 1 argument(s)");
	check_error("orlop create --", CLI_MISTAKE_COUNT, 1,
		    "orlop: \"create\" requires exactly 1 argument(s)");
	check_error("orlop ps --format table", CLI_MISTAKE_COUNT, 1,
		    "orlop: \"ps\" requires a minimum of 1 argument(s)");
	check_error("orlop create -=x c", CLI_MISTAKE_OPTION, 1, "bad flag syntax: -=x");
	check_error("orlop create ---- c", CLI_MISTAKE_OPTION, 1, "bad flag syntax: ----");
	check_error("orlop create --bogus=x c", CLI_MISTAKE_OPTION, 1,
		    "flag provided but not defined: -bogus");
	check_error("orlop create c --preserve-fds", CLI_MISTAKE_OPTION, 1,
		    "flag needs an argument: --preserve-fds");
	check_error("orlop create --preserve-fds= c", CLI_MISTAKE_OPTION, 1,
		    "invalid value \"\" for flag -preserve-fds: parse error"
		    "\nhint: --preserve-fds N is a whole number, at most 1048576");
	check_error("orlop create --preserve-fds=1048577 c", CLI_MISTAKE_OPTION, 1,
		    "invalid value \"1048577\" for flag -preserve-fds: parse error"
		    "\nhint: --preserve-fds N is a whole number, at most 1048576");
	check_error("orlop --log-format= list", CLI_MISTAKE_VALUE, 1,
		    "invalid log-format: \nhint: --log-format takes text or json");
	check_error("orlop help nonsense", CLI_MISTAKE_COMMAND, 3, "No help topic for 'nonsense'");
}

static void test_long_words_are_cut(void)
{
	auto_arena a = ARENA_NONE;
	char name[] = "orlop", word[5000], *argv[] = { name, word };
	struct cli_call call;
	struct err e;

	memset(word, 'x', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	CHECK(cli_parse(2, argv, &a, &call, &e) == -1, " ");
	CHECK(e.len < 120, "%zu", e.len);
	memcpy(word, "--", 2);
	CHECK(cli_parse(2, argv, &a, &call, &e) == -1, " ");
	CHECK(e.len < 120, "%zu", e.len);
}

static void test_help(void)
{
	static const char *const lines[] = {
		"orlop create --help", "orlop create a b c -h", "orlop start -help", "orlop --help",
		"orlop -h create", "orlop exec --help",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		auto_arena a = ARENA_NONE;
		struct cli_call call;
		struct err e = { 0 };

		CHECK(parse(lines[i], &a, &call, &e) == 0, "%s: %s",
		      lines[i], e.text);
		CHECK(call.values.help, "%s", lines[i]);
	}
}

static void test_no_words(void)
{
	auto_arena a = ARENA_NONE;
	struct cli_call call;
	struct err e;

	CHECK(cli_parse(0, NULL, &a, &call, &e) == 0, "argc is 0");
	CHECK(!call.command, " ");
	CHECK_STR(call.program, "orlop");
}

/* A uid that was not understood must never become 0. */
static void test_users(void)
{
	static const struct {
		const char *text;
		bool good, has_gid;
		uint32_t uid, gid;
	} rows[] = {
		{ "0", true, false, 0, 0 },
		{ "1", true, false, 1, 0 },
		{ "1:2", true, true, 1, 2 },
		{ "2147483648:4294967294", true, true, 2147483648, 4294967294 },
		{ "01" }, { "+1" }, { "-1" }, { "4294967295" }, { "4294967296" }, { "0x1" }, { "1:" },
		{ ":1" }, { " 1" }, { "1 " }, { "" }, { ":" }, { "1:2:3" }, { "1e3" }, { "1.5" },
		{ "root" }, { "1:+2" }, { "1:4294967295" }, { "18446744073709551616" },
		{ "99999999999999999999999999999999" }, { "1\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t uid = 77, gid = 77;
		bool has_gid = false;
		struct err e;
		int result = cli_user(rows[i].text, &uid, &gid, &has_gid, &e);

		CHECK((result == 0) == rows[i].good, "\"%s\"", rows[i].text);
		if (rows[i].good)
			CHECK(uid == rows[i].uid && has_gid == rows[i].has_gid &&
			      (!has_gid || gid == rows[i].gid), "\"%s\": %u:%u", rows[i].text, uid, gid);
		else
			CHECK(uid == 77 && gid == 77, "\"%s\"", rows[i].text);
	}
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		uint32_t max, want;
		bool good;
	} rows[] = {
		{ "0", 0, 0, true }, { "1", 0, 0, false }, { "10", 10, 10, true }, { "11", 10, 0, false },
		{ "4294967295", UINT32_MAX, UINT32_MAX, true }, { "4294967296", UINT32_MAX, 0, false },
		{ "00", 10, 0, false }, { "", 10, 0, false }, { "1 ", 10, 0, false },
		{ "\xd9\xa1", 10, 0, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t value = 0;

		CHECK(cli_number(rows[i].text, rows[i].max, &value) == rows[i].good, "%s", rows[i].text);
		CHECK(value == rows[i].want, "%s: %u", rows[i].text, value);
	}
}

static void check_help_line(const char *where, const char *help)
{
	size_t len = strlen(help);

	CHECK(len > 0 && help[len - 1] != '.', "%s: no full stop: %s", where, help);
	CHECK(!isupper((unsigned char)help[0]), "%s: lower case: %s", where, help);
}

static void check_options(const char *where, const struct cli_option *options)
{
	for (const struct cli_option *o = options; o->name[0]; o++) {
		check_help_line(where, o->help);
		CHECK((o->type == CLI_FLAG) == !o->argument[0], "%s --%s", where, o->name);
		CHECK(memchr(o->name, 0, sizeof(o->name)) && memchr(o->help, 0, sizeof(o->help)) &&
		      memchr(o->argument, 0, sizeof(o->argument)) &&
		      memchr(o->refusal, 0, sizeof(o->refusal)), "a text of a row fills it");
		CHECK(!o->words || (o->refusal[0] && o->type == CLI_WORD), "%s --%s", where, o->name);
		CHECK(o->type != CLI_NUM || o->max, "%s --%s", where, o->name);
		for (const struct cli_option *other = options; other != o; other++) {
			CHECK(strcmp(other->name, o->name) != 0, "%s --%s is there twice", where, o->name);
			CHECK(!o->letter || o->letter != other->letter, "%s -%c is there twice", where,
			      o->letter);
		}
	}
}

static void test_table(void)
{
	check_options("orlop", cli_global_options);
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++) {
		const struct cli_command *c = &cli_commands[i];

		CHECK(c->name, "row %u", i);
		check_options(c->name, c->options);
		check_help_line(c->name, c->summary);
		CHECK(c->about && c->about[strlen(c->about) - 1] == '.', "%s: about", c->name);
		CHECK(c->failure > 0, "%s: failure", c->name);
		CHECK(!*c->operands == (c->max == 0), "%s: operands", c->name);
		CHECK(cli_command_find(c->name) == c, "%s", c->name);
	}
	CHECK(!cli_command_find("upgrade") && !cli_command_find(""), "not there");
}

static void test_nearest(void)
{
	CHECK_STR(cli_command_nearest("stat"), "state");
	CHECK_STR(cli_command_nearest("craete"), "create");
	CHECK_STR(cli_command_nearest("remove"), NULL);
	CHECK_STR(cli_option_nearest(&cli_commands[CLI_EXEC], "additional-gid", 14), "additional-gids");
	CHECK_STR(cli_option_nearest(&cli_commands[CLI_EXEC], "z", 1), NULL);
	CHECK_STR(cli_option_nearest(NULL, "log-fromat=x", 10), "log-format");
}

int main(void)
{
	test_values();
	test_lists();
	test_flags();
	test_errors();
	test_long_words_are_cut();
	test_help();
	test_no_words();
	test_users();
	test_numbers();
	test_table();
	test_nearest();
	return check_result();
}
