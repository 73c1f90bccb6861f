/* SPDX-License-Identifier: Apache-2.0 */
/* Paths by their spelling, words, id maps and lists: what more than one part of the plan needs. */
#include "check.h"
#include "plan/planner.h"

static void check_paths(void)
{
	static const struct {
		const char *path, *clean, *lexical;
		bool climbs;
	} rows[] = {
		{ "/", "/", "/", false },
		{ "", "/", "/", false },
		{ "a", "/a", "/a", false },
		{ "/a/", "/a", "/a", false },
		{ "//a///b", "/a/b", "/a/b", false },
		{ "/./a/./b/.", "/a/b", "/a/b", false },
		{ "/..", "/..", "/", true },
		{ "/../..", "/../..", "/", true },
		{ "/a/..", "/a/..", "/", true },
		{ "/a/../b", "/a/../b", "/b", true },
		{ "/a/b/../../c/..", "/a/b/../../c/..", "/", true },
		{ "/a/b/../c", "/a/b/../c", "/a/c", true },
		{ "/...", "/...", "/...", false },
		{ "/a..", "/a..", "/a..", false },
		{ "/..a", "/..a", "/..a", false },
		{ "../proc", "/../proc", "/proc", true },
	};
	auto_arena a = ARENA_NONE;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_STR(plan_path_clean(&a, rows[i].path, true), rows[i].clean);
		CHECK_STR(plan_path_lexical(&a, rows[i].path), rows[i].lexical);
		CHECK(plan_path_climbs(rows[i].path) == rows[i].climbs, "%s", rows[i].path);
	}
	CHECK_STR(plan_path_clean(&a, "a//b/", false), "a/b");
	CHECK_STR(plan_path_clean(&a, ".", false), ".");
	CHECK_STR(plan_path_below(&a, "/bundle/", "rootfs"), "/bundle/rootfs");
	CHECK_STR(plan_path_below(&a, "/bundle", "/rootfs/."), "/rootfs");
	CHECK_STR(plan_path_below(&a, "/bundle", "."), "/bundle");
}

static void check_words(void)
{
	CHECK(plan_has_word("cpu io memory", "io"), " ");
	CHECK(plan_has_word("cpu io memory", "memory"), " ");
	CHECK(plan_has_word(" cpu  io ", "cpu"), " ");
	CHECK(!plan_has_word("cpuset", "cpu"), " ");
	CHECK(!plan_has_word("cpu", "cpuset"), " ");
	CHECK(!plan_has_word("cpu io", ""), " ");
	CHECK(!plan_has_word("", "cpu"), " ");
	CHECK(!plan_has_word(NULL, "cpu"), " ");
	CHECK(plan_has_control("a\tb", false) && !plan_has_control("a\tb", true), " ");
	CHECK(plan_has_control("a\n", true) && plan_has_control("\x7f", true), " ");
	CHECK(!plan_has_control("gr\xc3\xbc\xc3\x9f", false), " ");
}

static void check_map(void)
{
	struct oci_id_map items[] = { { 0, 1000, 1, 0 }, { 1, 100000, 65535, 0 } };
	const struct id_map_list maps = { items, 2 }, none = { 0 };

	CHECK(plan_map_id(&maps, 0) == 1000, " ");
	CHECK(plan_map_id(&maps, 1) == 100000, " ");
	CHECK(plan_map_id(&maps, 65535) == 165534, " ");
	CHECK(plan_map_id(&maps, 65536) == ID_NONE, " ");
	CHECK(plan_map_id(&maps, ID_NONE) == ID_NONE, " ");
	CHECK(plan_map_id(&none, 7) == 7, " ");
}

static void check_lists(void)
{
	auto_arena a = ARENA_NONE;
	LIST_OF(size_t) list = { 0 };
	size_t wrong = 0;

	for (size_t i = 0; i < 1000; i++)
		LIST_ADD(&a, list, i);
	CHECK(list.count == 1000, "%zu", list.count);
	for (size_t i = 0; i < list.count; i++)
		wrong += list.items[i] != i;
	CHECK(wrong == 0, "%zu", wrong);
}

/* Many thousand entries are planned in no time, and the last of each name stays. */
static void check_large_env(void)
{
	enum { NAMES = 20000, TIMES = 3 };
	auto_arena a = ARENA_NONE;
	char root[] = "/";
	struct oci_process process = { .cwd = root };
	const struct plan_options options = { .id = "x", .bundle = "/" };
	const struct host_facts facts = { 0 };
	struct plan_process made;
	struct str_list warnings = { 0 };
	size_t wrong = 0;
	struct err e = { 0 };
	int failed;

	plan_push_str(&a, &process.args, "true");
	for (int i = 0; i < NAMES * TIMES; i++)
		plan_push_str(&a, &process.env, arena_printf(&a, "N%d=%d", i % NAMES, i / NAMES));
	failed = plan_process(&process, "p", &options, &facts, NULL, false, &a, &made, &warnings, &e);
	CHECK(!failed, "%s", e.text);
	if (failed)
		return;
	CHECK(made.env.count == NAMES, "%zu", made.env.count);
	for (size_t i = 0; i < made.env.count; i++)
		wrong += strcmp(made.env.items[i], arena_printf(&a, "N%zu=%d", i, TIMES - 1)) != 0;
	CHECK(wrong == 0, "%zu", wrong);
}

int main(void)
{
	check_paths();
	check_words();
	check_map();
	check_lists();
	check_large_env();
	return check_result();
}
