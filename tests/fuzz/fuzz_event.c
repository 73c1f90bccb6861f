/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an alarm on the input of respond: refused with a sentence, passed over, or an event
 * that has a rule, whose fields can be asked for whatever their names are.
 *
 * The source is included: it belongs to no library that a fuzzer links.
 */
#include <stdlib.h>

#include "respond/event.c"	/* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void ask(const struct event *v)
{
	static const char *const names[] = { "", ".", "..", "a..b", "process.binary", "proc.name",
		"args.0.file_arg.path", "args.18446744073709551616", "event", "process.pod.", "0" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *text = event_field(v, names[i]);

		must(!text || strlen(text) <= EVENT_LINE_MAX * 3);
	}
}

static void read_line(const char *line, size_t len)
{
	struct arena a = ARENA_NONE;
	struct doc doc = DOC_NONE;
	struct event v = { 0 };
	struct err e = { 0 };
	int code = event_read(line, len, &a, &doc, &v, &e);

	must(code == 0 || code == EVENT_UNKNOWN || (code == -1 && e.text[0]));
	if (code == 0) {
		must(v.source && v.rule && v.fields && v.root);
		must(v.priority >= EVENT_NO_PRIORITY && v.priority <= 7);
		ask(&v);
	}
	doc_done(&doc);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	const char *line = (const char *)bytes, *end = line + len;

	while (line < end && len <= EVENT_LINE_MAX) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		read_line(line, (size_t)((stop ? stop : end) - line));
		line = stop ? stop + 1 : end;
	}
	return 0;
}
