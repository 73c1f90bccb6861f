/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error value. It lives on the caller's stack, has a fixed size, owns nothing, and can
 * therefore report that memory has run out.
 *
 * A function that takes a `struct err *` returns 0 (or a descriptor, or a count) when it worked,
 * and -1 when it did not, with *e filled in completely. A positive value other than that is a
 * condition named in the function's header, which its caller handles and never passes on.
 *
 * Grammar of a text: the widest context first, parts joined by ": ", the user's words in double
 * quotes, the reason last; then, on a line of its own, "hint: " and what the reader can change.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

enum err_kind {
	ERR_NONE,	/* nothing was reported */
	ERR_SYSTEM,	/* the kernel refused; code is its errno */
	ERR_USAGE,	/* the command line is wrong */
	ERR_CONFIG,	/* config.json, a profile or another document is wrong */
	ERR_STATE,	/* the container is not in a state that allows this */
	ERR_POLICY,	/* what was asked for is refused on purpose */
	ERR_HELD,	/* the container is in quarantine */
	ERR_INTERNAL,	/* a mistake of ours */
	ERR_KIND_COUNT_
};

struct err {
	enum err_kind kind;
	int code;		/* an errno for ERR_SYSTEM, otherwise 0 */
	size_t len;		/* of text, without its end */
	char text[1024];	/* always terminated; ends in "..." where it did not fit */
};

/* Reports "<format>: <text of errno>", keeps errno as the code, and returns -1. */
int err_sys(struct err *e, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* As err_sys, for an errno value that was kept in a variable. */
int err_sys_code(struct err *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Reports a text of ours under the given kind, with no errno, and returns -1. */
int err_set(struct err *e, enum err_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* As err_set, with the arguments in a list. */
int err_setv(struct err *e, enum err_kind kind, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0), cold));

/* Puts "<format>: " in front of an error that was reported already, and returns -1. */
int err_in(struct err *e, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* Adds a line "hint: <format>" to an error that was reported already, and returns -1. */
int err_hint(struct err *e, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/* The kernel's words for an errno value, in lower case as engines match them; never NULL. */
const char *err_errno_text(int code);

/* Stops the program with a message: for mistakes of ours only, never for input. */
_Noreturn void err_bug(const char *file, int line, const char *what);

#define BUG_ON(condition) \
	do { \
		if (__builtin_expect(!!(condition), 0)) \
			err_bug(__FILE__, __LINE__, #condition); \
	} while (0)
