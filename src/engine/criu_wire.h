/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol buffers wire format, as much of it as CRIU's RPC needs: numbers, strings, and
 * messages in messages. What stands in which field is known to criu.c alone. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Appends a field: a number, a truth or an enumeration; negative ones as 64 bits, sign and all. */
void wire_number(struct text *t, unsigned field, int64_t value);

/* Appends a field with the bytes of a string, or, with wire_message, of a message. */
void wire_string(struct text *t, unsigned field, const char *s);
void wire_message(struct text *t, unsigned field, const struct text *message);

/* A received message that is being read; one field in it may be another. */
struct wire {
	const unsigned char *at, *end;
};

struct wire_field {
	unsigned number;
	uint64_t value;			/* of a number */
	const unsigned char *bytes;	/* of a string or message; NULL: it is a number */
	size_t len;
};

enum { WIRE_FIELD = 1 };

/*
 * Takes the next field: WIRE_FIELD, 0 at the end, -1 when what comes is no field or goes beyond
 * the end. Never reads outside of the message, whatever it says.
 */
int wire_next(struct wire *w, struct wire_field *ret) __attribute__((warn_unused_result));
