/* SPDX-License-Identifier: Apache-2.0 */
/* Which texts are documents, what is said about those that are not, and what a number is. */
#include "json/doc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "check.h"
#include "orlop/auto.h"

static const struct {
	const char *text, *error;	/* error NULL: accepted */
	size_t len;			/* 0: strlen */
} rows[] = {
	{ "{}" },
	{ " \n{ } \t\r\n" },
	{ "[]" },
	{ "\"only a string\"" },
	{ "12" },
	{ "{\"a\": [1, -2, 3.5e7, true, false, null, \"x\", {}]}" },
	{ "{\"a\": 1, \"A\": 2, \"\": 3}" },
	{ "\"\\ud83d\\ude00 \\u00e9 \\n \\\" \\\\ \\/\"" },
	{ "\"\xf0\x9f\x98\x80 \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf \x7f\"" },

	{ "", "t: the document is empty" },
	{ " \n\n ", "t: the document is empty" },
	{ "{", "t:1: unexpected end of the document (is the file cut off?)" },
	{ "{\n\"a\": {\n\"b\"", "t:3: a.b: unexpected end of the document (is the file cut off?)" },
	{ "{\"a\": \"x", "t:1: a: unexpected end of the document (is the file cut off?)" },
	{ "[1, 2\n", "t:2: unexpected end of the document (is the file cut off?)" },
	{ "{\"a\": tru", "t:1: a: a word that is not true, false or null" },
	{ "{} {}", "t:1: something follows the end of the document" },
	{ "{}\n]", "t:2: something follows the end of the document" },
	{ "1 2", "t:1: something follows the end of the document" },
	{ "{]", "t:1: expected a member's name in double quotes" },
	{ "{\"a\": 5m}", "t:1: expected a decimal number without a unit or a zero in front, "
	  "found \"5m\"" },
	{ "[1 2]", "t:1: expected \",\" or \"]\" after an element of an array" },
	{ "\xff\xfe{", "t:1: is UTF-16, not UTF-8: save it as UTF-8" },
	{ "{a: 1}", "t:1: expected a member's name in double quotes, found \"a\"" },
	{ "{'a': 1}", "t:1: expected a member's name in double quotes, found \"'a'\"" },
	{ "{1: 1}", "t:1: expected a member's name in double quotes" },
	{ "{\"a\" 1}", "t:1: a: expected \":\" after a member's name" },
	{ "{\"a\": }", "t:1: a: expected a value" },
	{ "{\"a\": 1 \"b\": 2}", "t:1: expected \",\" or \"}\" after a member" },
	{ "{\"a\": 1,}", "t:1: a comma before \"}\": JSON has none there" },
	{ "[1,]", "t:1: a comma before \"]\": JSON has none there" },
	{ "[1 2]", "t:1: expected \",\" or \"]\" after an element of an array" },
	{ "[01]", "t:1: expected a decimal number without a unit or a zero in front, "
	  "found \"01\"" },
	{ "[+1]", "t:1: expected a value, found \"+1\"" },
	{ "[-]", "t:1: a number needs a digit after \"-\"" },
	{ "[1.]", "t:1: a number needs a digit after \".\"" },
	{ "[1e]", "t:1: a number needs a digit after its exponent" },
	{ "[.5]", "t:1: expected a value, found \".5\"" },
	{ "[NaN]", "t:1: expected a value, found \"NaN\"" },
	{ "[Infinity]", "t:1: expected a value, found \"Infinity\"" },
	{ "[truE]", "t:1: a word that is not true, false or null" },
	{ "[\n\"a\nb\"]", "t:2: a string has a control character (a missing quote on this line?)" },
	{ "[\"\\x\"]", "t:1: a string has a backslash before a character that needs none" },
	{ "[\"\\u12g4\"]", "t:1: a string has \\u without four hexadecimal digits" },
	{ "{} // hello", "t:1: something follows the end of the document" },
	{ "{\n/* x */ \"a\": 1}", "t:2: a comment: JSON has none" },
	{ "# x\n{}", "t:1: a comment: JSON has none" },
	{ "{\"a\": 1,\n\"b\": 2,\n\"a\": 3}", "t:3: \"a\" appears twice (first on line 1)" },
	{ "{\"o\": [{\"k\": 1, \"k\": 1}]}", "t:1: o[0]: \"k\" appears twice (first on line 1)" },
	{ "{\"a\": 1, \"\\u0061\": 2}", "t:1: \"a\" appears twice (first on line 1)" },
	{ "[\"\\u0000\"]", "t:1: a string has a NUL character (\\u0000)" },
	{ "{\"a\\u0000b\": 1}", "t:1: a string has a NUL character (\\u0000)" },
	{ "{\"a\": {\"b\": \"\\ud800\"}}", "t:1: a.b: \\ud800 is half of a surrogate pair" },
	{ "[\"\\udc00\"]", "t:1: \\udc00 is half of a surrogate pair" },
	{ "[\"\\ud800\\ud800\"]", "t:1: \\ud800 is half of a surrogate pair" },
	{ "[\"\\ud83d\\n\"]", "t:1: \\ud83d is half of a surrogate pair" },
	{ "[\"\\\\ud800\"]" },
	{ "{}\n\0", "t:2: a NUL byte: this is not a text file", 4 },
	{ "\x7f" "ELF\2\1\1\0", "t:1: a NUL byte: this is not a text file", 8 },
	{ "\x7f" "ELF", "t:1: expected a value, found \"\\x7fELF\"" },
	{ "[\n\"\xff\"]", "t:2: the byte 0xff is not UTF-8" },
	{ "[\"\xc0\x80\"]", "t:1: the byte 0xc0 is not UTF-8" },
	{ "[\"\xed\xa0\x80\"]", "t:1: the byte 0xed is not UTF-8" },
	{ "[\"\xe0\x80\xaf\"]", "t:1: the byte 0xe0 is not UTF-8" },
	{ "[\"\xf4\x90\x80\x80\"]", "t:1: the byte 0xf4 is not UTF-8" },
	{ "[\"\xe2\x82", "t:1: the byte 0xe2 is not UTF-8" },
	{ "\xef\xbb\xbf{}", "t:1: begins with a byte order mark: save it as UTF-8 without one" },
};

static void check_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		auto_doc d = DOC_NONE;
		struct err e = { 0 };
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].text);
		char *exact = malloc(len + !len);	/* so that a sanitizer sees the end */
		int rc;

		memcpy(exact, rows[i].text, len);
		rc = doc_read("t", exact, len, &a, &d, &e);
		free(exact);
		CHECK(rc == (rows[i].error ? -1 : 0), "%s", rows[i].text);
		CHECK_STR(rc ? e.text : NULL, rows[i].error);
	}
}

static void check_tree(void)
{
	static const char text[] = "{\n\"a\": {\"net.x\": [7,\n\"s\\t\\u00e9\"]},\n\"n\": null}";
	auto_arena a = ARENA_NONE;
	auto_doc d = DOC_NONE;
	struct err e;
	const struct node *list;

	CHECK(doc_read("config.json", text, strlen(text), &a, &d, &e) == 0);
	CHECK(d.root->type == NODE_OBJECT && d.root->len == 2 && d.root->line == 1);
	CHECK(!doc_find(d.root, "n") && !doc_find(d.root, "b"));
	list = doc_find(doc_find(d.root, "a"), "net.x");
	CHECK(list && list->type == NODE_ARRAY && list->len == 2 && list->line == 2);
	CHECK(doc_at(list, 1)->line == 3);
	CHECK_STR(doc_at(list, 1)->text, "s\t\xc3\xa9");
	doc_err(&d, doc_at(list, 1), &e, "is %s", "odd");
	CHECK_STR(e.text, "config.json:3: a[\"net.x\"][1]: is odd");
	doc_err_type(&d, doc_at(list, 0), &e, "a string");
	CHECK_STR(e.text, "config.json:2: a[\"net.x\"][0]: expected a string, found the number 7");
	CHECK(e.kind == ERR_CONFIG);
}

/* Numbers */

#define I64_RANGE "(-9223372036854775808 to 9223372036854775807)"

static const struct {
	const char *digits;
	int64_t min;
	uint64_t max;
	const char *error;
	int64_t value;
} signed_rows[] = {
	{ "0", INT64_MIN, INT64_MAX, NULL, 0 },
	{ "-0", INT64_MIN, INT64_MAX, NULL, 0 },
	{ "-0", 0, 5, NULL, 0 },
	{ "-1", -1, 5, NULL, -1 },
	{ "9223372036854775807", INT64_MIN, INT64_MAX, NULL, INT64_MAX },
	{ "-9223372036854775808", INT64_MIN, INT64_MAX, NULL, INT64_MIN },
	{ "9223372036854775808", INT64_MIN, INT64_MAX,
	  "t:1: 9223372036854775808 is out of range " I64_RANGE },
	{ "-9223372036854775809", INT64_MIN, INT64_MAX,
	  "t:1: -9223372036854775809 is out of range " I64_RANGE },
	{ "-2", -1, 5, "t:1: -2 is out of range (-1 to 5)" },
	{ "6", -1, 5, "t:1: 6 is out of range (-1 to 5)" },
	{ "0", 1, 5, "t:1: 0 is out of range (1 to 5)" },
	{ "-3", 1, 5, "t:1: -3 is out of range (1 to 5)" },
	{ "1.0", 0, 5, "t:1: expected a whole number, found the number 1.0" },
	{ "1e3", 0, 5, "t:1: expected a whole number, found the number 1e3" },
	{ "1E0", 0, 5, "t:1: expected a whole number, found the number 1E0" },
	{ "\"1\"", 0, 5, "t:1: expected a number, found the string \"1\"" },
	{ "true", 0, 5, "t:1: expected a number, found the word true" },
	{ "[1]", 0, 5, "t:1: expected a number, found an array" },
	{ "{}", 0, 5, "t:1: expected a number, found an object" },
	{ "null", 0, 5, "t:1: expected a number, found null" },
};

static const struct {
	const char *digits;
	uint64_t min, max;
	const char *error;
	uint64_t value;
} unsigned_rows[] = {
	{ "18446744073709551615", 0, UINT64_MAX, NULL, UINT64_MAX },
	{ "18446744073709551616", 0, UINT64_MAX,
	  "t:1: 18446744073709551616 is out of range (0 to 18446744073709551615)" },
	{ "99999999999999999999999999999999999999999999999", 0, UINT64_MAX,
	  "t:1: 9999999999999999999999999999999999999999 is out of range "
	  "(0 to 18446744073709551615)" },
	{ "18446744073709551614", 0, UINT64_MAX, NULL, UINT64_MAX - 1 },
	{ "-1", 0, UINT64_MAX, "t:1: -1 is out of range (0 to 18446744073709551615)" },
	{ "-0", 0, UINT64_MAX, NULL, 0 },
	{ "4294967295", 0, UINT32_MAX - 1, "t:1: 4294967295 is out of range (0 to 4294967294)" },
	{ "0", 1, 7, "t:1: 0 is out of range (1 to 7)" },
	{ "1.8446744073709551615e19", 0, UINT64_MAX,
	  "t:1: expected a whole number, found the number 1.8446744073709551615e19" },
};

static void check_numbers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(signed_rows); i++) {
		auto_arena a = ARENA_NONE;
		auto_doc d = DOC_NONE;
		struct err e = { 0 };
		int64_t value = 77;
		int rc;

		CHECK(doc_read("t", signed_rows[i].digits, strlen(signed_rows[i].digits), &a, &d,
			       &e) == 0);
		rc = doc_i64(&d, d.root, signed_rows[i].min, (int64_t)signed_rows[i].max, &value,
			     &e);
		CHECK_STR(rc ? e.text : NULL, signed_rows[i].error);
		CHECK(value == (rc ? 77 : signed_rows[i].value), "%s", signed_rows[i].digits);
	}
	for (size_t i = 0; i < ARRAY_LEN(unsigned_rows); i++) {
		auto_arena a = ARENA_NONE;
		auto_doc d = DOC_NONE;
		struct err e = { 0 };
		uint64_t value = 77;
		int rc;

		CHECK(doc_read("t", unsigned_rows[i].digits, strlen(unsigned_rows[i].digits), &a,
			       &d, &e) == 0);
		rc = doc_u64(&d, d.root, unsigned_rows[i].min, unsigned_rows[i].max, &value, &e);
		CHECK_STR(rc ? e.text : NULL, unsigned_rows[i].error);
		CHECK(value == (rc ? 77 : unsigned_rows[i].value), "%s", unsigned_rows[i].digits);
	}
}

/* Limits */

static void check_depth(unsigned depth, bool accepted)
{
	auto_arena a = ARENA_NONE;
	auto_doc d = DOC_NONE;
	struct err e = { 0 };
	struct text t = TEXT_IN(&a);
	int rc;

	for (unsigned i = 0; i < depth; i++)
		text_puts(&t, "[");
	for (unsigned i = 0; i < depth; i++)
		text_puts(&t, "]");
	rc = doc_read("t", t.bytes, t.len, &a, &d, &e);
	CHECK(rc == (accepted ? 0 : -1), "%u levels", depth);
	if (!accepted)
		CHECK(strstr(e.text, "nested more than 64 levels deep"), "%s", e.text);
}

static void check_size(void)
{
	auto_arena a = ARENA_NONE;
	auto_doc d = DOC_NONE;
	struct err e = { 0 };
	size_t len = DOC_SIZE_MAX + 1;
	char *text = malloc(len);

	memset(text, ' ', len);
	text[0] = '{';
	text[1] = '}';
	CHECK(doc_read("t", text, len, &a, &d, &e) == -1);
	CHECK_STR(e.text, "t: the document has 16777217 bytes, more than 16777216");
	CHECK(doc_read("t", text, len - 1, &a, &d, &e) == 0);
	free(text);
}

static void check_values(void)
{
	auto_arena a = ARENA_NONE;
	auto_doc d = DOC_NONE;
	struct err e = { 0 };
	size_t len = 2 * (size_t)DOC_VALUES_MAX + 2;
	char *text = malloc(len);

	for (size_t i = 0; i < len; i += 2)
		memcpy(text + i, i ? "1," : "[ ", 2);
	text[len - 1] = ']';
	CHECK(doc_read("t", text, len, &a, &d, &e) == -1);
	CHECK_STR(e.text, "t:1: the document has more than 1000000 values");
	free(text);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* An object of that many members, perhaps with one twice. Returns the seconds it took. */
static double read_members(unsigned count, bool twice)
{
	auto_arena a = ARENA_NONE;
	auto_doc d = DOC_NONE;
	struct err e = { 0 };
	struct text t = TEXT_IN(&a);
	double start;

	text_puts(&t, "{\"x\": 0");
	for (unsigned i = 0; i < count; i++)
		text_printf(&t, ",\n\"member%06u\": %u", i * 7919u % count, i);
	if (twice)
		text_puts(&t, ",\n\"x\": 1");
	text_puts(&t, "}");
	start = seconds();
	CHECK(doc_read("t", t.bytes, t.len, &a, &d, &e) == (twice ? -1 : 0));
	if (twice)
		CHECK(strstr(e.text, ": \"x\" appears twice (first on line 1)"), "%s", e.text);
	return seconds() - start;
}

static void check_members(void)
{
	double few, many;

	read_members(11, true);
	read_members(12, true);
	read_members(13, true);
	read_members(100000, true);
	few = read_members(10000, false);
	many = read_members(100000, false);
	CHECK(many < 40 * few + 0.05, "%f s for 10000 members, %f s for 100000", few, many);
}

int main(void)
{
	check_rows();
	check_tree();
	check_numbers();
	check_depth(64, true);
	check_depth(65, false);
	check_size();
	check_values();
	check_members();
	return check_result();
}
