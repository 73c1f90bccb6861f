/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/criu_wire.h"

#include <string.h>

/* How a field is written; the other three are old or for groups. */
enum { KIND_VARINT = 0, KIND_64 = 1, KIND_BYTES = 2, KIND_32 = 5 };

enum { FIELD_MAX = (1 << 29) - 1 };

static void add_varint(struct text *t, uint64_t value)
{
	char bytes[10];
	size_t len = 0;

	do {
		bytes[len] = (char)(value & 0x7f);
		value >>= 7;
		if (value)
			bytes[len] = (char)(bytes[len] | 0x80);
		len++;
	} while (value);
	text_add(t, bytes, len);
}

static void add_bytes(struct text *t, unsigned field, const char *bytes, size_t len)
{
	add_varint(t, (uint64_t)field << 3 | KIND_BYTES);
	add_varint(t, len);
	text_add(t, bytes, len);
}

void wire_number(struct text *t, unsigned field, int64_t value)
{
	add_varint(t, (uint64_t)field << 3 | KIND_VARINT);
	add_varint(t, (uint64_t)value);
}

void wire_string(struct text *t, unsigned field, const char *s)
{
	add_bytes(t, field, s, strlen(s));
}

void wire_message(struct text *t, unsigned field, const struct text *message)
{
	add_bytes(t, field, text_get(message), message->len);
}

static bool take_varint(struct wire *w, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && w->at < w->end; shift += 7) {
		unsigned char byte = *w->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*ret = value;
		/* The tenth byte has room for one bit. */
		return shift < 63 || byte <= 1;
	}
	return false;
}

static bool take_bytes(struct wire *w, uint64_t len, struct wire_field *ret)
{
	if (len > (size_t)(w->end - w->at))
		return false;
	ret->bytes = w->at;
	ret->len = (size_t)len;
	w->at += len;
	return true;
}

int wire_next(struct wire *w, struct wire_field *ret)
{
	uint64_t tag, len;
	bool taken;

	if (w->at == w->end)
		return 0;
	*ret = (struct wire_field){ 0 };
	if (!take_varint(w, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
		return -1;
	ret->number = (unsigned)(tag >> 3);
	switch (tag & 7) {
	case KIND_VARINT:
		taken = take_varint(w, &ret->value);
		break;
	case KIND_BYTES:
		taken = take_varint(w, &len) && take_bytes(w, len, ret);
		break;
	case KIND_64:
	case KIND_32:
		taken = take_bytes(w, (tag & 7) == KIND_64 ? 8 : 4, ret);
		break;
	default:
		taken = false;
	}
	return taken ? WIRE_FIELD : -1;
}
