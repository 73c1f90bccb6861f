/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of Falco and Tetragon are understood, rules mean what they say, and a rate has an end.
 * The events are those of tests/respond.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "check.h"
#include "orlop/auto.h"
#include "respond/event.h"
#include "respond/rate.h"
#include "respond/rules.h"

static char *load(const char *path, struct arena *a, size_t *len)
{
	char *text = file_read_path(arena_printf(a, "%s/%s", SOURCE_ROOT, path), 1 << 20, a, len);

	if (!text) {
		perror(path);
		exit(1);
	}
	return text;
}

/* The line of a file with that number. */
static int read_line(const char *path, int line, struct arena *a, struct doc *d, struct event *v)
{
	size_t len;
	char *text = load(path, a, &len);
	struct err e;

	while (line--)
		text = strchr(text, '\n') + 1;
	return event_read(text, strcspn(text, "\n"), a, d, v, &e);
}

static void test_falco(void)
{
	auto_arena a = ARENA_NONE;
	auto_doc d1 = DOC_NONE, d2 = DOC_NONE, d3 = DOC_NONE;
	struct event v;

	CHECK(read_line("tests/respond/falco.jsonl", 0, &a, &d1, &v) == 0);
	CHECK_STR(v.source, "falco");
	CHECK_STR(v.rule, "Terminal shell in container");
	CHECK(v.priority == 5);
	CHECK_STR(v.container, "CONTAINER");
	CHECK_STR(v.pod, "web-7d4b9c6f5-x2x7k");
	CHECK_STR(v.pod_namespace, "prod");
	CHECK_STR(event_field(&v, "proc.pname"), "containerd-shim");
	CHECK_STR(event_field(&v, "proc.tty"), "34816");
	CHECK_STR(event_field(&v, "no.such"), NULL);
	CHECK(read_line("tests/respond/falco.jsonl", 1, &a, &d2, &v) == 0 && v.priority == 2);
	CHECK_STR(event_field(&v, "proc.is_exe_upper_layer"), "true");
	CHECK_STR(v.pod, NULL);
	CHECK(read_line("tests/respond/falco.jsonl", 2, &a, &d3, &v) == 0);
	CHECK_STR(v.container, NULL);
	CHECK_STR(v.pod, NULL);
}

static void test_tetragon(void)
{
	auto_arena a = ARENA_NONE;
	auto_doc d1 = DOC_NONE, d2 = DOC_NONE, d3 = DOC_NONE;
	struct event v;

	CHECK(read_line("tests/respond/tetragon.jsonl", 0, &a, &d1, &v) == 0);
	CHECK_STR(v.source, "tetragon");
	CHECK_STR(v.rule, "process_exec");
	CHECK(v.priority == EVENT_NO_PRIORITY);
	CHECK_STR(v.container, "CONTAINER");
	CHECK_STR(v.pod, "xwing");
	CHECK_STR(event_field(&v, "process.binary"), "/usr/bin/curl");
	CHECK_STR(event_field(&v, "process.pod.pod_labels.class"), "xwing");
	CHECK(read_line("tests/respond/tetragon.jsonl", 1, &a, &d2, &v) == 0);
	CHECK_STR(v.rule, "file-monitoring-filtered");
	CHECK_STR(v.container, "DOCKER");
	CHECK_STR(event_field(&v, "event"), "process_kprobe");
	CHECK_STR(event_field(&v, "args.0.file_arg.path"), "/etc/shadow");
	CHECK_STR(event_field(&v, "args.7.int_arg"), NULL);
	CHECK_STR(event_field(&v, "args.0"), NULL);
	CHECK_STR(event_field(&v, "args..x"), NULL);
	CHECK(read_line("tests/respond/tetragon.jsonl", 2, &a, &d3, &v) == 0);
	CHECK_STR(v.rule, "process_exit");
}

static void test_others(void)
{
	static const struct {
		const char *line;
		int want;
	} rows[] = {
		{ "{}", EVENT_UNKNOWN }, { "[1]", EVENT_UNKNOWN }, { "7", EVENT_UNKNOWN },
		{ "{\"rule\":\"x\"}", EVENT_UNKNOWN }, { "{\"process_x\":3}", EVENT_UNKNOWN },
		{ "{\"process_x\":{}}", EVENT_UNKNOWN }, { "hello", -1 }, { "{\"a\":1,\"a\":2}", -1 },
		{ "{\"rule\":\"x\",\"output_fields\":{}}", 0 },
		{ "{\"process_x\":{\"process\":{}}}", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		auto_doc d = DOC_NONE;
		struct event v;
		struct err e;

		CHECK(event_read(rows[i].line, strlen(rows[i].line), &a, &d, &v, &e) ==
		      rows[i].want, "%s", rows[i].line);
	}
}

static void test_patterns(void)
{
	static const struct {
		const char *pattern, *text;
		bool want;
	} rows[] = {
		{ "a", "a", true }, { "a", "ab", false }, { "a*", "ab", true }, { "*b", "ab", true },
		{ "*", "", true }, { "", "", true }, { "", "a", false }, { "a*c*e", "abcde", true },
		{ "a*c*e", "abcdf", false }, { "*ab*ab", "abxabxab", true }, { "a**b", "ab", true },
		{ "*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(rules_like(rows[i].pattern, rows[i].text) == rows[i].want, "%s %s",
		      rows[i].pattern, rows[i].text);
}

/* Which rule of the example each sample matches; "" for none. */
static void test_example(void)
{
	static const struct {
		const char *path, *rule;
		int line;
	} rows[] = {
		{ "tests/respond/falco.jsonl", "", 0 },
		{ "tests/respond/falco.jsonl", "program that is not in the image", 1 },
		{ "tests/respond/falco.jsonl", "", 2 },
		{ "tests/respond/tetragon.jsonl", "", 0 },
		{ "tests/respond/tetragon.jsonl", "password file read", 1 },
		{ "tests/respond/tetragon.jsonl", "", 2 },
	};
	auto_arena a = ARENA_NONE;
	struct rules rules;
	struct err e = { 0 };
	size_t len;
	char *text = load("profiles/remediation/respond.json", &a, &len);

	CHECK(rules_read("rules", text, len, &a, &rules, &e) == 0, "%s", e.text);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_doc d = DOC_NONE;
		struct event v;
		const struct rule *rule;

		CHECK(read_line(rows[i].path, rows[i].line, &a, &d, &v) == 0);
		rule = rules_match(&rules, &v);
		CHECK_STR(rule ? rule->name : "", rows[i].rule);
	}
}

static void test_refusals(void)
{
#define RULE(members) "{\"version\":1,\"rules\":[{\"name\":\"n\"," members "}]}"
	static const char *const rows[][2] = {
		{ "{\"version\":2,\"rules\":[]}", "its version is 2" },
		{ "{\"version\":1}", "rules" },
		{ RULE("\"match\":{},\"actions\":[]"), "actions" },
		{ RULE("\"actions\":[\"log\"]"), "match" },
		{ RULE("\"match\":{},\"actions\":[\"quarantin\"]"), "unknown action" },
		{ RULE("\"match\":{\"prio\":1},\"actions\":[\"log\"]"), "unknown member of a match" },
		{ RULE("\"match\":{\"priority\":\"bad\"},\"actions\":[\"log\"]"), "unknown priority" },
		{ RULE("\"match\":{\"source\":\"sysdig\"},\"actions\":[\"log\"]"), "tetragon" },
		{ RULE("\"match\":{\"rule\":[]},\"actions\":[\"log\"]"), "a pattern" },
		{ RULE("\"match\":{\"fields\":{\"a\":7}},\"actions\":[\"log\"]"), "a pattern" },
		{ RULE("\"match\":{},\"actions\":[\"evidence\"]"), "evidence.directory" },
		{ RULE("\"match\":{},\"actions\":[\"kill\"],\"observe\":true"), "belong to" },
		{ RULE("\"match\":{},\"actions\":[\"quarantine\"],\"allow\":[\"x\"]"), "x" },
		{ RULE("\"match\":{},\"actions\":[\"log\"],\"rate\":{\"count\":0,\"seconds\":1}"),
		  "out of range (1 to 1000)" },
		{ RULE("\"match\":{},\"actions\":[\"log\"],\"evidence\":{\"directory\":\"x\"}"),
		  "absolute" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		struct rules rules;
		struct err e = { 0 };

		CHECK(rules_read("f", rows[i][0], strlen(rows[i][0]), &a, &rules, &e) == -1, "%s",
		      rows[i][0]);
		CHECK(strstr(e.text, rows[i][1]), "%s: %s", rows[i][1], e.text);
	}
}

static void test_rate(void)
{
	static struct rate r;
	uint64_t one = rate_key(0, "/r", "a"), other = rate_key(1, "/r", "a");

	CHECK(one != other && one != rate_key(0, "/ra", "") && one != rate_key(0, "/r", "b"));
	CHECK(rate_take(&r, one, 2, 10, 1000) && rate_take(&r, one, 2, 10, 2000));
	CHECK(!rate_take(&r, one, 2, 10, 3000) && rate_take(&r, other, 2, 10, 3000));
	CHECK(!rate_take(&r, one, 2, 10, 10999) && rate_take(&r, one, 2, 10, 11000));
	/* A full table takes new ones, and forgets what is oldest. */
	for (size_t i = 0; i < 3 * RATE_ENTRIES; i++)
		CHECK(rate_take(&r, 1000 + i, 1, 60, (int64_t)(20000 + i)));
	CHECK(!rate_take(&r, 1000 + 3 * RATE_ENTRIES - 1, 1, 60, 30000));
	CHECK(rate_take(&r, 1000, 1, 60, 30000));
}

int main(void)
{
	test_falco();
	test_tetragon();
	test_others();
	test_patterns();
	test_example();
	test_refusals();
	test_rate();
	return check_result();
}
