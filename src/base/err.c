/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building the text of an error. Nothing here allocates or logs; a failure is printed once, by
 * the program's main function.
 */
#include "orlop/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Marks a text that did not fit, so that nobody takes the rest for the whole. */
static void mark_cut(struct err *e, size_t wanted)
{
	if (wanted < sizeof(e->text)) {
		e->len = wanted;
		return;
	}
	e->len = sizeof(e->text) - 1;
	memcpy(e->text + e->len - 3, "...", 4);
}

static void append(struct err *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct err *e, const char *format, ...)
{
	va_list ap;
	int added;

	va_start(ap, format);
	added = vsnprintf(e->text + e->len, sizeof(e->text) - e->len, format, ap);
	va_end(ap);
	mark_cut(e, e->len + (added > 0 ? (size_t)added : 0));
}

const char *err_errno_text(int code)
{
	static char lowered[96];
	const char *text = strerrordesc_np(code);

	if (!text) {
		snprintf(lowered, sizeof(lowered), "error %d", code);
		return lowered;
	}
	snprintf(lowered, sizeof(lowered), "%s", text);
	/* Engines match Go's texts, which begin in lower case; "RFS ..." and the like stay. */
	if (isupper((unsigned char)lowered[0]) && !isupper((unsigned char)lowered[1]))
		lowered[0] = (char)tolower((unsigned char)lowered[0]);
	return lowered;
}

int err_setv(struct err *e, enum err_kind kind, const char *format, va_list ap)
{
	int len;

	e->kind = kind;
	e->code = 0;
	len = vsnprintf(e->text, sizeof(e->text), format, ap);
	mark_cut(e, len > 0 ? (size_t)len : 0);
	return -1;
}

int err_set(struct err *e, enum err_kind kind, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	err_setv(e, kind, format, ap);
	va_end(ap);
	return -1;
}

static void set_sys(struct err *e, int code, const char *format, va_list ap)
{
	err_setv(e, ERR_SYSTEM, format, ap);
	e->code = code;
	append(e, ": %s", err_errno_text(code));
}

int err_sys(struct err *e, const char *format, ...)
{
	int code = errno;
	va_list ap;

	va_start(ap, format);
	set_sys(e, code, format, ap);
	va_end(ap);
	return -1;
}

int err_sys_code(struct err *e, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	set_sys(e, code, format, ap);
	va_end(ap);
	return -1;
}

int err_in(struct err *e, const char *format, ...)
{
	char inner[sizeof(e->text)];
	va_list ap;
	int len;

	memcpy(inner, e->text, e->len + 1);
	va_start(ap, format);
	len = vsnprintf(e->text, sizeof(e->text), format, ap);
	va_end(ap);
	mark_cut(e, len > 0 ? (size_t)len : 0);
	append(e, ": %s", inner);
	return -1;
}

int err_hint(struct err *e, const char *format, ...)
{
	char hint[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(hint, sizeof(hint), format, ap);
	va_end(ap);
	append(e, "\nhint: %s", hint);
	return -1;
}

_Noreturn void err_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "orlop: internal error at %s:%d: %s\n", file, line, what);
	abort();
}
