/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of row: what it reads, and what it says about what it cannot read. */
#include "json/bind.h"

#include "check.h"
#include "orlop/auto.h"

struct part {
	char *key;
	uint32_t number;
	unsigned line;
};

struct whole {
	bool set, yes;
	struct opt_bool maybe;
	char *text, *path, *kept, *line_text;
	int32_t i32;
	int64_t i64;
	uint32_t u32;
	uint64_t u64;
	struct opt_i64 opt_i64;
	struct opt_u32 opt_u32;
	struct opt_u64 opt_u64;
	int word;
	struct str_list strs, paths;
	LIST_OF(uint32_t) u32s;
	uint32_t mask32;
	uint64_t mask64;
	LIST_OF(uint32_t) words;
	struct part part;
	LIST_OF(struct part) parts, map;
	struct pair_list pairs;
	int custom;
	unsigned line;
};

static const struct name colours[] = {
	{ "red", 1 }, { "green", 2 }, { "blue", UINT64_C(0x100000000) }, { "", 0 },
};

static int part_check(const struct binding *b, const struct node *n, void *object)
{
	const struct part *part = object;

	return part->number == 13 ? doc_err(b->doc, n, b->e, "13 is unlucky") : 0;
}

static const struct bind part_rows[] = {
	B_LINE(struct part, line),
	B_U32(struct part, number, "number", B_REQUIRED),
	B_CHECK(part_check),
	B_END
};

static int read_length(const struct binding *b, const struct node *n, void *field)
{
	if (n->type != NODE_STRING)
		return doc_err_type(b->doc, n, b->e, "a string");
	*(int *)field = (int)n->len;
	return 0;
}

static const struct bind rows[] = {
	B_SET(struct whole, set),
	B_LINE(struct whole, line),
	B_BOOL(struct whole, yes, "yes"),
	B_OPT_BOOL(struct whole, maybe, "maybe"),
	B_STR(struct whole, text, "text", B_REQUIRED),
	B_STR(struct whole, path, "path", B_ABSOLUTE),
	B_STR(struct whole, kept, "kept", B_KEEP_EMPTY),
	B_STR(struct whole, line_text, "oneLine", B_ONE_LINE),
	B_I32_IN(struct whole, i32, "i32", -20, 19),
	B_I64(struct whole, i64, "i64"),
	B_U32(struct whole, u32, "u32"),
	B_U64(struct whole, u64, "u64"),
	B_OPT_I64_IN(struct whole, opt_i64, "optI64", -1, INT64_MAX),
	B_OPT_U32_IN(struct whole, opt_u32, "optU32", 1, 9),
	B_OPT_U64(struct whole, opt_u64, "optU64"),
	B_WORD(struct whole, word, "word", int, colours, "colour"),
	B_STRS(struct whole, strs, "strs", B_NOT_EMPTY),
	B_STRS(struct whole, paths, "paths", B_ABSOLUTE),
	B_U32S_IN(struct whole, u32s, "u32s", 0, UINT32_MAX - 1),
	B_WORDS(struct whole, mask32, "mask32", uint32_t, colours, "colour"),
	B_WORDS(struct whole, mask64, "mask64", uint64_t, colours, "colour"),
	B_WORD_LIST(struct whole, words, "words", colours, "colour"),
	B_OBJECT(struct whole, part, "part", struct part, part_rows),
	B_LIST(struct whole, parts, "parts", struct part, part_rows),
	B_MAP(struct whole, map, "map", struct part, key, part_rows),
	B_PAIRS(struct whole, pairs, "pairs"),
	B_CUSTOM(struct whole, custom, "custom", int, read_length),
	B_REFUSED("old", "it never worked"),
	B_END
};

static const struct bind closed_rows[] = {
	B_BOOL(struct whole, yes, "yes"),
	B_REFUSE_UNKNOWN("clock"),
	B_END
};

static int read_with(const struct bind *table, const char *text, struct arena *a,
		     struct whole *ret, struct err *e)
{
	auto_doc d = DOC_NONE;

	memset(ret, 0, sizeof(*ret));
	if (doc_read("t", text, strlen(text), a, &d, e))
		return -1;
	return bind_read(&(struct binding){ &d, a, e }, d.root, table, ret);
}

static const char everything[] =
	"{ \"yes\": true, \"maybe\": false, \"text\": \"hello\", \"path\": \"/x\",\n"
	"\"kept\": \"\", \"i32\": -20, \"i64\": -9223372036854775808, \"u32\": 4294967295,\n"
	"\"u64\": 18446744073709551615, \"optI64\": -1, \"optU32\": 9, \"optU64\": 0,\n"
	"\"word\": \"green\", \"strs\": [\"a\", \"\"], \"paths\": [], \"u32s\": [0, 7],\n"
	"\"mask32\": [\"red\", \"green\", \"red\"], \"mask64\": [\"blue\", \"red\"],\n"
	"\"words\": [\"green\", \"red\"], \"part\":\n"
	"{ \"number\": 3 }, \"parts\": [ {\"number\": 1},\n"
	"{\"number\": 2, \"other\": {\"x\": []}} ],\n"
	"\"map\": { \"one\": {\"number\": 1}, \"a.b\": {\"number\": 2} },\n"
	"\"pairs\": { \"k\": \"v\", \"e\": \"\" }, \"custom\": \"four\", \"unknown\": [1, {}] }";

static void check_everything(void)
{
	auto_arena a = ARENA_NONE;
	struct whole w;
	struct err e = { 0 };

	CHECK(read_with(rows, everything, &a, &w, &e) == 0, "%s", e.text);
	CHECK(w.set && w.line == 1 && w.yes && w.maybe.set && !w.maybe.value);
	CHECK_STR(w.text, "hello");
	CHECK_STR(w.path, "/x");
	CHECK_STR(w.kept, "");
	CHECK_STR(w.line_text, NULL);
	CHECK(w.i32 == -20 && w.i64 == INT64_MIN && w.u32 == UINT32_MAX && w.u64 == UINT64_MAX);
	CHECK(w.opt_i64.set && w.opt_i64.value == -1 && w.opt_u32.set && w.opt_u32.value == 9);
	CHECK(w.opt_u64.set && w.opt_u64.value == 0);
	CHECK(w.word == 2);
	CHECK(w.strs.count == 2 && strcmp(w.strs.items[0], "a") == 0 && !*w.strs.items[1]);
	CHECK(w.paths.count == 0 && w.u32s.count == 2 && w.u32s.items[1] == 7);
	CHECK(w.mask32 == 3 && w.mask64 == UINT64_C(0x100000001));
	CHECK(w.words.count == 2 && w.words.items[0] == 2 && w.words.items[1] == 1);
	CHECK(w.part.number == 3 && w.part.line == 7);
	CHECK(w.parts.count == 2 && w.parts.items[1].number == 2 && w.parts.items[1].line == 8);
	CHECK(w.map.count == 2 && w.map.items[1].number == 2);
	CHECK_STR(w.map.items[1].key, "a.b");
	CHECK(w.pairs.count == 2);
	CHECK_STR(w.pairs.items[0].value, "v");
	CHECK_STR(w.pairs.items[1].value, "");
	CHECK(w.custom == 4);
}

static void check_nothing(void)
{
	auto_arena a = ARENA_NONE;
	struct whole w;
	struct err e = { 0 };

	CHECK(read_with(rows, "{\"text\": \"x\", \"yes\": null, \"path\": \"\", \"u32\": null,"
			"\"optU32\": null, \"parts\": null, \"pairs\": null, \"old\": null}",
			&a, &w, &e) == 0, "%s", e.text);
	CHECK(w.set && !w.yes && !w.path && !w.opt_u32.set && !w.parts.count && !w.pairs.count);
}

static const struct {
	const char *text, *error;
} wrong[] = {
	{ "[]", "t:1: expected an object, found an array" },
	{ "{}", "t:1: \"text\" is missing" },
	{ "{\"text\": null}", "t:1: \"text\" is missing" },
	{ "{\"text\": \"\"}", "t:1: text: must not be empty" },
	{ "{\n\"text\": 5}", "t:2: text: expected a string, found the number 5" },
	{ "{\"yes\": \"true\"}", "t:1: yes: expected true or false, found the string \"true\"" },
	{ "{\"yes\": 1}", "t:1: yes: expected true or false, found the number 1" },
	{ "{\"maybe\": {}}", "t:1: maybe: expected true or false, found an object" },
	{ "{\"path\": \"x/y\"}", "t:1: path: expected an absolute path, found \"x/y\"" },
	{ "{\"oneLine\": \"x\\ny\"}", "t:1: oneLine: has a newline" },
	{ "{\"i32\": 20}", "t:1: i32: 20 is out of range (-20 to 19)" },
	{ "{\"u32\": 4294967296}", "t:1: u32: 4294967296 is out of range (0 to 4294967295)" },
	{ "{\"u32\": \"5\"}", "t:1: u32: expected a number, found the string \"5\"" },
	{ "{\"u64\": -1}", "t:1: u64: -1 is out of range (0 to 18446744073709551615)" },
	{ "{\"optI64\": -2}", "t:1: optI64: -2 is out of range (-1 to 9223372036854775807)" },
	{ "{\"optU32\": 0}", "t:1: optU32: 0 is out of range (1 to 9)" },
	{ "{\"optU64\": 1.5}", "t:1: optU64: expected a whole number, found the number 1.5" },
	{ "{\"word\": \"gren\"}",
	  "t:1: word: unknown colour \"gren\"\nhint: did you mean \"green\"?" },
	{ "{\"word\": \"mauve\"}", "t:1: word: unknown colour \"mauve\"\nhint: one of: red green blue" },
	{ "{\"word\": 2}", "t:1: word: expected a string, found the number 2" },
	{ "{\"strs\": []}", "t:1: strs: must not be empty" },
	{ "{\"strs\": \"a\"}", "t:1: strs: expected an array, found the string \"a\"" },
	{ "{\"strs\": [\"a\", null]}", "t:1: strs[1]: expected a string, found null" },
	{ "{\"paths\": [\"/a\", \"b\"]}", "t:1: paths[1]: expected an absolute path, found \"b\"" },
	{ "{\"u32s\": [4294967295]}",
	  "t:1: u32s[0]: 4294967295 is out of range (0 to 4294967294)" },
	{ "{\"mask32\": [\"blu\"]}",
	  "t:1: mask32[0]: unknown colour \"blu\"\nhint: did you mean \"blue\"?" },
	{ "{\"mask32\": {}}", "t:1: mask32: expected an array, found an object" },
	{ "{\"words\": [7]}", "t:1: words[0]: expected a string, found the number 7" },
	{ "{\"part\": []}", "t:1: part: expected an object, found an array" },
	{ "{\"part\": {}}", "t:1: part: \"number\" is missing" },
	{ "{\"parts\": [{\"number\": 1}, {}]}", "t:1: parts[1]: \"number\" is missing" },
	{ "{\"parts\": [{\"number\": 13}]}", "t:1: parts[0]: 13 is unlucky" },
	{ "{\"map\": {\"x y\": {}}}", "t:1: map[\"x y\"]: \"number\" is missing" },
	{ "{\"map\": {\"\": {}}}", "t:1: map[\"\"]: a member's name is empty" },
	{ "{\"map\": []}", "t:1: map: expected an object, found an array" },
	{ "{\"pairs\": {\"\": \"x\"}}", "t:1: pairs[\"\"]: a member's name is empty" },
	{ "{\"pairs\": {\"k\": 1}}", "t:1: pairs.k: expected a string, found the number 1" },
	{ "{\"pairs\": {\"k\": null}}", "t:1: pairs.k: expected a string, found null" },
	{ "{\"custom\": []}", "t:1: custom: expected a string, found an array" },
	{ "{\"old\": 1}", "t:1: old: is refused: it never worked" },
};

static void check_wrong(void)
{
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		auto_arena a = ARENA_NONE;
		struct whole w;
		struct err e = { 0 };

		CHECK(read_with(rows, wrong[i].text, &a, &w, &e) == -1, "%s", wrong[i].text);
		CHECK_STR(e.text, wrong[i].error);
		CHECK(e.kind == ERR_CONFIG);
	}
}

static void check_closed(void)
{
	auto_arena a = ARENA_NONE;
	struct whole w;
	struct err e = { 0 };

	CHECK(read_with(closed_rows, "{\"yes\": true}", &a, &w, &e) == 0 && w.yes);
	CHECK(read_with(closed_rows, "{\"yes\": true, \"tai\": 1}", &a, &w, &e) == -1);
	CHECK_STR(e.text, "t:1: tai: unknown clock");
}

int main(void)
{
	check_everything();
	check_nothing();
	check_wrong();
	check_closed();
	return check_result();
}
