/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger's text may not do to a terminal: as '?', and in quotes as bytes. */
#include "base/character.h"

#include <string.h>

#include "base/text.h"
#include "check.h"

static const struct {
	const char *from, *replaced, *quoted;
} rows[] = {
	{ "", "", "\"\"" },
	{ "plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\x89", "plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\x89",
	  "\"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\x89\"" },
	{ "a\x1b[2J\n", "a?[2J?", "\"a\\x1b[2J\\x0a\"" },
	{ "\x7f", "?", "\"\\x7f\"" },
	/* The control sequence introducer in one character, as UTF-8 and as the bare byte. */
	{ "\xc2\x9b" "2J", "?2J", "\"\\xc2\\x9b2J\"" },
	{ "\x9b" "2J", "?2J", "\"\\x9b2J\"" },
	/* Written from right to left: "exe.txt" is seen for "txt.exe". */
	{ "\xe2\x80\xae" "txt.exe", "?txt.exe", "\"\\xe2\\x80\\xaetxt.exe\"" },
	{ "a\xe2\x80\x8b" "b", "a?b", "\"a\\xe2\\x80\\x8bb\"" },
	/* Cut off, overlong, a surrogate, too large. */
	{ "\xe2\x82", "??", "\"\\xe2\\x82\"" },
	{ "\xc0\xaf", "??", "\"\\xc0\\xaf\"" },
	{ "\xed\xa0\x80", "???", "\"\\xed\\xa0\\x80\"" },
	{ "\xf4\x90\x80\x80", "????", "\"\\xf4\\x90\\x80\\x80\"" },
};

int main(void)
{
	struct arena a = ARENA_NONE;
	char *text;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text = arena_strdup(&a, rows[i].from);
		character_replace_hidden(text);
		CHECK_STR(text, rows[i].replaced);
		CHECK_STR(text_quote(&a, rows[i].from, 100), rows[i].quoted);
	}
	/* A character is cut off whole. */
	CHECK_STR(text_quote(&a, "a\xc3\xa4" "b", 2), "\"a\xc3\xa4...\"");
	arena_free(&a);
	return check_result();
}
