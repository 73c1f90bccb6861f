/* SPDX-License-Identifier: Apache-2.0 */
/* What a document looks like, indented and on one line. */
#include "json/emit.h"

#include "check.h"
#include "json/doc.h"

static const char *write_all(struct arena *a, unsigned step)
{
	struct emit m = EMIT_IN(a, step);

	emit_object(&m, NULL);
	emit_str(&m, "s", "a\"b\\c\n\x01\xc3\xa9");
	emit_str(&m, "none", NULL);
	emit_u64(&m, "u", UINT64_MAX);
	emit_i64(&m, "i", INT64_MIN);
	emit_bool(&m, "b", true);
	emit_raw(&m, "r", "[1]");
	emit_object(&m, "o");
	emit_end(&m);
	emit_array(&m, "a");
	emit_array(&m, NULL);
	emit_end(&m);
	emit_object(&m, NULL);
	emit_bool(&m, "x", false);
	emit_end(&m);
	emit_u64(&m, NULL, 7);
	emit_end(&m);
	emit_null(&m, "z");
	emit_end(&m);
	return emit_get(&m);
}

static void check_layout(void)
{
	auto_arena a = ARENA_NONE;
	auto_doc d = DOC_NONE;
	struct err e;
	const char *text = write_all(&a, 2);

	CHECK_STR(text,
		  "{\n"
		  "  \"s\": \"a\\\"b\\\\c\\n\\u0001\xc3\xa9\",\n"
		  "  \"none\": null,\n"
		  "  \"u\": 18446744073709551615,\n"
		  "  \"i\": -9223372036854775808,\n"
		  "  \"b\": true,\n"
		  "  \"r\": [1],\n"
		  "  \"o\": {},\n"
		  "  \"a\": [\n"
		  "    [],\n"
		  "    {\n"
		  "      \"x\": false\n"
		  "    },\n"
		  "    7\n"
		  "  ],\n"
		  "  \"z\": null\n"
		  "}");
	CHECK(doc_read("t", text, strlen(text), &a, &d, &e) == 0, "%s", e.text);
	CHECK_STR(write_all(&a, 0),
		  "{\"s\":\"a\\\"b\\\\c\\n\\u0001\xc3\xa9\",\"none\":null,"
		  "\"u\":18446744073709551615,\"i\":-9223372036854775808,\"b\":true,\"r\":[1],"
		  "\"o\":{},\"a\":[[],{\"x\":false},7],\"z\":null}");
}

/* A file's name may be any bytes; a document may not. */
static void check_bytes(void)
{
	auto_arena a = ARENA_NONE;
	struct emit m = EMIT_IN(&a, 0);

	emit_array(&m, NULL);
	emit_str(&m, NULL, "\xff" "a\xc3" "b\xe2\x82");
	emit_str(&m, NULL, "");
	emit_end(&m);
	CHECK_STR(emit_get(&m),
		  "[\"\xef\xbf\xbd" "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\",\"\"]");
}

static void check_top(void)
{
	auto_arena a = ARENA_NONE;
	struct emit m = EMIT_IN(&a, 4);

	CHECK_STR(emit_get(&m), "");
	emit_str(&m, NULL, "x");
	CHECK_STR(emit_get(&m), "\"x\"");
}

int main(void)
{
	check_layout();
	check_bytes();
	check_top();
	return check_result();
}
