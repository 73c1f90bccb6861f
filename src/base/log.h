/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program says about itself: one record, one line, one write(2), as text or as JSON, to
 * standard error or to a file. Engines read these lines; their form is runc's.
 *
 * Errors are printed once, by the main function. Deeper code may warn, in a sentence that ends
 * with what happened instead, and may say what it is doing under a topic. Nothing here allocates,
 * so that a record can be written when everything else is broken. A reader who went away must not
 * end us in the middle of an operation: the main function ignores SIGPIPE.
 *
 * PARENT SIDE. The one state of it is the destination, set once by the main function.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orlop/err.h"

enum log_format {
	LOG_TEXT,
	LOG_JSON,
};

/* What ORLOP_DEBUG selects; the words are rows in log.c. */
enum log_topic {
	LOG_CLI,
	LOG_CONFIG,
	LOG_PLAN,
	LOG_STATE,
	LOG_CGROUP,
	LOG_CHILD,
	LOG_MOUNT,
	LOG_SECCOMP,
	LOG_HOOK,
	LOG_CONSOLE,
	LOG_TOPIC_COUNT_
};

#define LOG_ALL_TOPICS ((1u << LOG_TOPIC_COUNT_) - 1)

/* Says how records look and which topics are heard. Before this: text, none. */
void log_setup(enum log_format format, uint32_t topics);

/*
 * Sends the records to a file, made (0644) when it is not there and never truncated: several
 * calls share one. Refuses what cannot be opened for appending.
 */
int log_open(const char *path, struct err *e) __attribute__((warn_unused_result));

/*
 * Reads ORLOP_DEBUG: topics separated by commas, "all", or "help". Unknown words are left out of
 * *ret and the first is returned, or NULL when all are known.
 */
const char *log_topics_read(const char *words, uint32_t *ret);

/* The word of a topic, for lists. */
const char *log_topic_word(enum log_topic topic);

/*
 * The one line that ends a failed command. With a log file the bare text goes to standard error
 * as well, because some engines read one and some the other.
 */
void log_error(const char *text);

/*
 * A warning. On standard error it appears at once. A log file gets it only when log_done says
 * that the command worked: podman takes the whole file for one JSON object, the error's.
 */
void log_warn(const char *text);

/* Ends logging: keeps the warnings that were held back when the command worked. */
void log_done(bool worked);

/* True when records of a topic are heard; lets callers avoid the work of making one. */
bool log_hears(enum log_topic topic);

void log_debug_at(enum log_topic topic, const char *file, int line, const char *function,
		  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A record of what is being done, when the topic is heard. */
#define log_debug(topic, ...) \
	do { \
		if (__builtin_expect(log_hears(topic), 0)) \
			log_debug_at(topic, __FILE__, __LINE__, __func__, __VA_ARGS__); \
	} while (0)
