/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The D-Bus wire format, as much of it as a client of systemd needs: method calls are written,
 * replies, errors and signals are read. Bytes alone: knows no socket, no bus and no systemd.
 *
 * What is read comes from outside. A reader has one flag, `bad`, that is set by whatever does not
 * fit and stays set; after that every reading gives zero and "". So a message is read to the end
 * and asked once whether it could be believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
	DBUS_HEAD = 16,			/* so much tells how long a message is */
	DBUS_MESSAGE_MAX = 1 << 20,	/* ours; the format would allow 128 MiB */
};

enum dbus_type { DBUS_CALL = 1, DBUS_REPLY = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };

/* Writing: values are appended with the alignment that their type has. */
void dbus_put_byte(struct text *t, uint8_t value);
void dbus_put_bool(struct text *t, bool value);
void dbus_put_u32(struct text *t, uint32_t value);
void dbus_put_u64(struct text *t, uint64_t value);
void dbus_put_string(struct text *t, const char *s);
void dbus_put_signature(struct text *t, const char *s);

/* Appends zeroes up to the alignment: 8 in front of each struct and dictionary entry. */
void dbus_put_padding(struct text *t, size_t alignment);

/* An array whose elements have this alignment: begun, its elements appended, ended. */
struct dbus_array {
	size_t at, start;
};
struct dbus_array dbus_array_begin(struct text *t, size_t alignment);
void dbus_array_end(struct text *t, struct dbus_array array);

struct dbus_call {
	uint32_t serial;		/* not 0 */
	const char *destination;	/* NULL where there is no bus in between */
	const char *path, *interface, *member;
	const char *signature;		/* of the body; NULL: there is none */
};

/* Appends a whole method call; `body` was written into a text of its own, or is NULL. */
void dbus_put_call(struct text *t, const struct dbus_call *call, const struct text *body);

/* Reading. */
struct dbus_reader {
	const unsigned char *bytes;
	size_t len, at;
	bool bad;
};

uint8_t dbus_get_byte(struct dbus_reader *r);
uint32_t dbus_get_u32(struct dbus_reader *r);
const char *dbus_get_string(struct dbus_reader *r);	/* points into the bytes; never NULL */
const char *dbus_get_signature(struct dbus_reader *r);

/* Passes over one value of the complete type that *type begins with, and over that type. */
void dbus_skip(struct dbus_reader *r, const char **type);

struct dbus_message {
	enum dbus_type type;
	uint32_t serial, reply_to;
	/* "" when the header does not have it; all point into the message's bytes. */
	const char *path, *interface, *member, *error, *sender, *signature;
	struct dbus_reader body;
};

/*
 * How long the message is that begins with these DBUS_HEAD bytes; 0 when they begin none, or one
 * of another byte order than this machine's, or one longer than DBUS_MESSAGE_MAX.
 */
size_t dbus_message_size(const unsigned char head[DBUS_HEAD]);

/* Reads a whole message; false when it is not one. *ret points into the bytes. */
bool dbus_message_read(const unsigned char *bytes, size_t len, struct dbus_message *ret)
	__attribute__((warn_unused_result));
