/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables, the lines of ps, the document of spec. What commands print as a whole is in
 * tests/golden/cli.
 */
#include <string.h>

#include "check.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/print.h"
#include "cli/spec.h"
#include "orlop/auto.h"

static void test_ps_lines_of_members_are_kept(void)
{
	static const char ps[] =
		"UID        PID  PPID COMMAND\n"
		"root        12     1 sleep 120\n"
		"root       120    12 a\n"
		"root         1     0 12\n"
		"\n"
		"root\n"
		"root      1200     1 b";
	pid_t items[] = { 12, 1200 };
	struct life_pids pids = { .items = items, .count = 2 };
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);
	struct err e;

	CHECK(print_pids_table(&t, ps, &pids, &e) == 0, " ");
	CHECK_STR(text_get(&t), "UID        PID  PPID COMMAND\n"
				"root        12     1 sleep 120\n"
				"root      1200     1 b\n");
}

static void test_ps_without_column(void)
{
	struct life_pids none = { 0 };
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);
	struct err e = { 0 };

	CHECK(print_pids_table(&t, "PPID COMMAND\n1 a\n", &none, &e) == -1, " ");
	CHECK_STR(e.text, "couldn't find PID field in ps output");
	CHECK(print_pids_table(&t, "", &none, &e) == -1, "nothing at all");
	CHECK(t.len == 0, "nothing is printed");
}

static void test_table_columns(void)
{
	static const char *const cells[] = { "A", "B", "C", "\xc3\xa4\xc3\xa4\xc3\xa4", "", "long cell" };
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);

	print_table(&t, cells, 2, 3, 5);
	CHECK_STR(text_get(&t), "A     B    C\n"
				"\xc3\xa4\xc3\xa4\xc3\xa4        long cell\n");
}

static void test_owner_names(void)
{
	static const char users[] = "toor:x:00\nroot:x:0:0::/:/bin/sh\nbad\nmarie:x:1000:1000\n:x:7:\n";
	struct life_view views[] = {
		{ .oci_version = "1", .id = "a", .bundle = "/", .rootfs = "/", .created = "t", .owner = 0 },
		{ .oci_version = "1", .id = "b", .bundle = "/", .rootfs = "/", .created = "t", .owner = 1000 },
		{ .oci_version = "1", .id = "c", .bundle = "/", .rootfs = "/", .created = "t", .owner = 10 },
	};
	struct life_views all = { .items = views, .count = 3 };
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a), unnamed = TEXT_IN(&a);

	print_list_json(&t, &all, users);
	CHECK(strstr(text_get(&t), "\"id\":\"a\"") &&
	      strstr(text_get(&t), "\"owner\":\"root\""), "%s", text_get(&t));
	CHECK(strstr(text_get(&t), "\"owner\":\"marie\""), "%s", text_get(&t));
	CHECK(strstr(text_get(&t), "\"owner\":\"#10\"}]\n"), "%s", text_get(&t));
	print_list_json(&unnamed, &all, NULL);
	CHECK(strstr(text_get(&unnamed), "\"owner\":\"#1000\""), "%s", text_get(&unnamed));
}

static void check_seccomp(const char *profile, const char *want)
{
	size_t len = 0;
	const char *found = spec_profile_seccomp(profile, &len);

	if (!want) {
		CHECK(!found, "%s", profile);
		return;
	}
	CHECK(found && len == strlen(want) && memcmp(found, want, len) == 0, "%s", profile);
}

static void test_profile_seccomp(void)
{
	check_seccomp("{\"seccomp\": {\"a\": [1, {}]}, \"b\": 2}", "{\"a\": [1, {}]}");
	check_seccomp("{\"d\": \"\\\"seccomp\\\": {\", \"seccomp\" :\n{}}", "{}");
	check_seccomp("{\"linux\": {\"seccomp\": {}}}", NULL);
	check_seccomp("{\"x\": \"seccomp\", \"y\": {}}", NULL);
	check_seccomp("{\"seccomp\": []}", NULL);
	check_seccomp("{\"seccomp\": 7, \"y\": {}}", NULL);
	check_seccomp("{\"seccomp\": {\"a\": \"}\"", NULL);
	check_seccomp("{\"seccomp\": {\"a\": \"}\\", NULL);
	check_seccomp("{\"seccomp", NULL);
	check_seccomp("", NULL);
}

/* What is written can be read, and a profile's lines are moved one step to the right. */
static void test_spec_is_read_back(void)
{
	static const char seccomp[] = "{\n\t\t\"defaultAction\": \"SCMP_ACT_ALLOW\"\n\t}";

	for (int rootless = 0; rootless < 2; rootless++) {
		struct spec_options o = { .rootless = rootless, .uid = 1000, .gid = 1001,
					  .seccomp = seccomp, .seccomp_len = strlen(seccomp) };
		auto_arena a = ARENA_NONE;
		struct text t = TEXT_IN(&a);
		struct oci_config config;
		struct err e = { 0 };

		spec_print(&t, &o);
		CHECK(strstr(text_get(&t), "\t\t\"seccomp\": {\n\t\t\t\"defaultAction\""), " ");
		CHECK(oci_config_read("spec", t.bytes, t.len, &a, &config, &e) == 0, "%s", e.text);
		CHECK(config.root.readonly && config.process.no_new_privileges, " ");
		CHECK(config.linux.seccomp.set, " ");
		CHECK(config.linux.uid_maps.count == (size_t)rootless, " ");
		CHECK(config.linux.namespaces.count == 6, "%zu", config.linux.namespaces.count);
	}
}

static void test_help_fits(void)
{
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++) {
		auto_arena a = ARENA_NONE;
		struct text t = TEXT_IN(&a);

		help_print(&t, "orlop", &cli_commands[i]);
		for (const char *line = text_get(&t); *line;) {
			size_t len = strcspn(line, "\n");

			CHECK(len <= 80, "%s: %.*s", cli_commands[i].name, (int)len, line);
			CHECK(len == 0 || line[len - 1] != ' ', "%s: %.*s", cli_commands[i].name, (int)len,
			      line);
			line += len + (line[len] == '\n');
		}
	}
}

static void test_man_escapes(void)
{
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a), bad = TEXT_IN(&a);
	struct err e = { 0 };

	CHECK(man_fill(&t, "p", "a @VERSION@ b @VERSION@\n@mail@x\nno end", "1.2", &e) == 0, "%s", e.text);
	CHECK_STR(text_get(&t), "a 1.2 b 1.2\n@mail@x\nno end\n");
	CHECK(man_fill(&bad, "p", "\n@OPTIONS create @\n", "1", &e) == -1, " ");
	CHECK_STR(e.text, "p:2: no such order: @OPTIONS create @");
	CHECK(man_fill(&bad, "p", "@OPTION@\n", "1", &e) == -1, " ");
}

int main(void)
{
	test_ps_lines_of_members_are_kept();
	test_ps_without_column();
	test_table_columns();
	test_owner_names();
	test_profile_seccomp();
	test_spec_is_read_back();
	test_help_fits();
	test_man_escapes();
	return check_result();
}
