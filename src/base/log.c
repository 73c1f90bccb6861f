/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building records in a buffer on the stack. Users' words reach terminals and JSON readers from
 * here, so control characters, invisible characters and bytes that are not UTF-8 are escaped.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/character.h"

/*
 * A record holds an error text (1 KiB) of which every byte may need six; what is longer is cut
 * inside the message, so that the record stays complete.
 */
enum { RECORD_SIZE = 8192, RECORD_TAIL = 512, HELD_SIZE = 8192 };

static const char *const topics[LOG_TOPIC_COUNT_] = {
	[LOG_CLI] = "cli",
	[LOG_CONFIG] = "config",
	[LOG_PLAN] = "plan",
	[LOG_STATE] = "state",
	[LOG_CGROUP] = "cgroup",
	[LOG_CHILD] = "child",
	[LOG_MOUNT] = "mount",
	[LOG_SECCOMP] = "seccomp",
	[LOG_HOOK] = "hook",
	[LOG_CONSOLE] = "console",
};

enum level {
	LEVEL_ERROR,
	LEVEL_WARNING,
	LEVEL_DEBUG,
};

static const struct {
	const char *word, *tty;
} levels[] = {
	[LEVEL_ERROR] = { "error", "ERRO" },
	[LEVEL_WARNING] = { "warning", "WARN" },
	[LEVEL_DEBUG] = { "debug", "DEBU" },
};

struct place {
	const char *file, *function;
	int line;
};

struct record {
	char bytes[RECORD_SIZE];
	size_t len, limit;
	bool cut;
};

static struct {
	int fd;
	bool to_file;
	enum log_format format;
	uint32_t heard;
	int64_t began;			/* seconds, for the terminal form */
	size_t held_len;
	char held[HELD_SIZE];		/* finished records of warnings */
} out = { .fd = STDERR_FILENO };

static int64_t seconds(clockid_t clock)
{
	struct timespec now = { 0 };

	clock_gettime(clock, &now);
	return now.tv_sec;
}

static void put(struct record *r, const char *bytes, size_t len)
{
	if (r->cut || len > r->limit - r->len) {
		r->cut = true;
		return;
	}
	memcpy(r->bytes + r->len, bytes, len);
	r->len += len;
}

static void put_text(struct record *r, const char *text)
{
	put(r, text, strlen(text));
}

static void put_format(struct record *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put_format(struct record *r, const char *format, ...)
{
	char piece[256];
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(piece, sizeof(piece), format, ap);
	va_end(ap);
	if (len > 0)
		put(r, piece, (size_t)len < sizeof(piece) ? (size_t)len : sizeof(piece) - 1);
}

enum quoting {
	QUOTE_NONE,	/* for people: newline and tab stay */
	QUOTE_GO,	/* as Go's %q */
	QUOTE_JSON,
};

static void put_escape(struct record *r, uint32_t c, enum quoting how)
{
	switch (c) {
	case '\n':
		put_text(r, how == QUOTE_NONE ? "\n" : "\\n");
		return;
	case '\t':
		put_text(r, how == QUOTE_NONE ? "\t" : "\\t");
		return;
	case '\r':
		put_text(r, "\\r");
		return;
	}
	if (c > 0xffff && how == QUOTE_JSON)
		put_format(r, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
	else if (c > 0xffff)
		put_format(r, "\\U%08x", c);
	else if (c < 0x80 && how != QUOTE_JSON)
		put_format(r, "\\x%02x", c);
	else
		put_format(r, "\\u%04x", c);
}

static void put_escaped(struct record *r, const char *text, enum quoting how)
{
	const char *s = text;

	while (*s && !r->cut) {
		size_t at = r->len, len;
		uint32_t c = 0;

		len = character_read(s, &c);
		if (len == 0) {
			if (how == QUOTE_JSON)
				put_text(r, "\\ufffd");
			else
				put_format(r, "\\x%02x", (unsigned char)*s);
			len = 1;
		} else if (how != QUOTE_NONE && (c == '"' || c == '\\')) {
			put_format(r, "\\%c", (int)c);
		} else if (character_is_hidden(c)) {
			put_escape(r, c, how);
		} else {
			put(r, s, len);
		}
		if (r->cut)
			r->len = at;	/* whole characters only */
		s += len;
	}
}

/* A user's text: cut with "..." rather than at the expense of what follows it. */
static void put_message(struct record *r, const char *text, enum quoting how)
{
	r->limit = RECORD_SIZE - RECORD_TAIL;
	put_escaped(r, text, how);
	r->limit = RECORD_SIZE;
	if (r->cut) {
		r->cut = false;
		put_text(r, "...");
	}
}

/* A word that logfmt readers take without quotes. */
static bool is_bare(const char *text)
{
	for (; *text; text++)
		if (!strchr("-._/@^+", *text) && !(*text >= '0' && *text <= '9') &&
		    !(*text >= 'a' && *text <= 'z') && !(*text >= 'A' && *text <= 'Z'))
			return false;
	return true;
}

static void put_field(struct record *r, const char *key, const char *text)
{
	put_format(r, " %s=", key);
	if (is_bare(text)) {
		put_message(r, text, QUOTE_NONE);
		return;
	}
	put_text(r, "\"");
	put_message(r, text, QUOTE_GO);
	put_text(r, "\"");
}

static void put_member(struct record *r, const char *key, const char *text)
{
	put_format(r, "%s\"%s\":\"", r->len ? "," : "{", key);
	put_message(r, text, QUOTE_JSON);
	put_text(r, "\"");
}

/* UTC by arithmetic: no time zone file is read (days from civil, Hinnant). */
static void format_time(char *bytes, size_t size)
{
	int64_t now = seconds(CLOCK_REALTIME);
	int64_t days = now / 86400 + 719468, rest = now % 86400;
	int64_t era = days / 146097, doe = days % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	snprintf(bytes, size, "%04d-%02d-%02dT%02d:%02d:%02dZ",
		 (int)(yoe + era * 400 + (month <= 2)), (int)month,
		 (int)(doy - (153 * mp + 2) / 5 + 1), (int)(rest / 3600), (int)(rest / 60 % 60),
		 (int)(rest % 60));
}

/* The place in the source tree, whatever directory it was compiled from. */
static const char *in_tree(const char *file)
{
	const char *found = strstr(file, "src/");

	return found ? found : file;
}

static void build(struct record *r, enum level level, const struct place *place, const char *text)
{
	char when[32], where[160] = "";

	format_time(when, sizeof(when));
	if (place)
		snprintf(where, sizeof(where), "%s:%d", in_tree(place->file), place->line);
	if (out.format == LOG_JSON) {	/* keys in alphabetical order */
		if (place) {
			put_member(r, "file", where);
			put_member(r, "func", place->function);
		}
		put_member(r, "level", levels[level].word);
		put_member(r, "msg", text);
		put_member(r, "time", when);
		put_text(r, "}\n");
	} else if (!out.to_file && isatty(out.fd)) {
		put_format(r, "%s[%04d] ", levels[level].tty,
			   (int)(seconds(CLOCK_MONOTONIC) - out.began));
		if (place)
			put_format(r, "%s %s(): ", where, place->function);
		put_message(r, text, QUOTE_NONE);
		put_text(r, "\n");
	} else {
		put_format(r, "time=\"%s\" level=%s", when, levels[level].word);
		put_field(r, "msg", text);
		if (place) {
			put_field(r, "func", place->function);
			put_field(r, "file", where);
		}
		put_text(r, "\n");
	}
}

/* One write for one line: several programs append to the same file. */
static bool write_line(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	do
		n = write(fd, bytes, len);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len;
}

static void emit(const char *bytes, size_t len)
{
	struct record sorry = { .limit = RECORD_SIZE };

	if (write_line(out.fd, bytes, len) || !out.to_file)
		return;
	put_format(&sorry, "Failed to write to log, %s\n", err_errno_text(errno));
	write_line(STDERR_FILENO, sorry.bytes, sorry.len);
}

void log_setup(enum log_format format, uint32_t heard)
{
	out.format = format;
	out.heard = heard;
	out.began = seconds(CLOCK_MONOTONIC);
}

int log_open(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC | O_NOCTTY, 0644);

	if (fd < 0)
		return err_sys(e, "open %s", path);
	out.fd = fd;
	out.to_file = true;
	return 0;
}

const char *log_topic_word(enum log_topic topic)
{
	return topics[topic];
}

const char *log_topics_read(const char *words, uint32_t *ret)
{
	const char *unknown = NULL;

	*ret = 0;
	while (*words) {
		size_t len = strcspn(words, ",");
		uint32_t bit = len == 3 && memcmp(words, "all", 3) == 0 ? LOG_ALL_TOPICS : 0;

		for (unsigned i = 0; i < LOG_TOPIC_COUNT_; i++)
			if (strlen(topics[i]) == len && memcmp(topics[i], words, len) == 0)
				bit = 1u << i;
		if (!bit && len && !unknown)
			unknown = words;
		*ret |= bit;
		words += len + (words[len] == ',');
	}
	return unknown;
}

void log_error(const char *text)
{
	struct record r = { .limit = RECORD_SIZE }, bare = { .limit = RECORD_SIZE };

	build(&r, LEVEL_ERROR, NULL, text);
	emit(r.bytes, r.len);
	if (!out.to_file)
		return;
	put_message(&bare, text, QUOTE_NONE);
	put_text(&bare, "\n");
	write_line(STDERR_FILENO, bare.bytes, bare.len);
}

void log_warn(const char *text)
{
	struct record r = { .limit = RECORD_SIZE };

	build(&r, LEVEL_WARNING, NULL, text);
	if (!out.to_file || out.heard) {
		emit(r.bytes, r.len);
	} else if (r.len <= HELD_SIZE - out.held_len) {
		memcpy(out.held + out.held_len, r.bytes, r.len);
		out.held_len += r.len;
	}
}

void log_done(bool worked)
{
	if (worked && out.held_len)
		emit(out.held, out.held_len);
	out.held_len = 0;
}

bool log_hears(enum log_topic topic)
{
	return out.heard & 1u << topic;
}

void log_debug_at(enum log_topic topic, const char *file, int line, const char *function,
		  const char *format, ...)
{
	struct place place = { .file = file, .line = line, .function = function };
	struct record r = { .limit = RECORD_SIZE };
	char text[2048];
	va_list ap;
	int len;

	len = snprintf(text, sizeof(text), "%s: ", topics[topic]);
	va_start(ap, format);
	vsnprintf(text + len, sizeof(text) - (size_t)len, format, ap);
	va_end(ap);
	build(&r, LEVEL_DEBUG, &place, text);
	emit(r.bytes, r.len);
}
