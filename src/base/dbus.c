/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers are in this machine's byte order, which the first byte of a message names. The peer is
 * on the same machine and may name another order only if it makes a mistake.
 */
#include "base/dbus.h"

#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { ORDER = 'l' };
#else
enum { ORDER = 'B' };
#endif

enum { PROTOCOL = 1, NO_AUTO_START = 2, DEPTH_MAX = 16 };

/* The fields of a header. */
enum field { PATH = 1, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE };

static size_t align(size_t at, size_t alignment)
{
	return (at + alignment - 1) & ~(alignment - 1);
}

void dbus_put_padding(struct text *t, size_t alignment)
{
	static const char zeroes[8];

	text_add(t, zeroes, align(t->len, alignment) - t->len);
}

void dbus_put_byte(struct text *t, uint8_t value)
{
	text_add(t, (const char *)&value, 1);
}

void dbus_put_bool(struct text *t, bool value)
{
	dbus_put_u32(t, value);
}

void dbus_put_u32(struct text *t, uint32_t value)
{
	dbus_put_padding(t, 4);
	text_add(t, (const char *)&value, 4);
}

void dbus_put_u64(struct text *t, uint64_t value)
{
	dbus_put_padding(t, 8);
	text_add(t, (const char *)&value, 8);
}

void dbus_put_string(struct text *t, const char *s)
{
	size_t len = strlen(s);

	dbus_put_u32(t, (uint32_t)len);
	text_add(t, s, len + 1);
}

void dbus_put_signature(struct text *t, const char *s)
{
	size_t len = strlen(s);

	dbus_put_byte(t, (uint8_t)len);
	text_add(t, s, len + 1);
}

struct dbus_array dbus_array_begin(struct text *t, size_t alignment)
{
	struct dbus_array array;

	dbus_put_u32(t, 0);
	array.at = t->len - 4;
	dbus_put_padding(t, alignment);
	array.start = t->len;
	return array;
}

void dbus_array_end(struct text *t, struct dbus_array array)
{
	uint32_t len = (uint32_t)(t->len - array.start);

	memcpy(t->bytes + array.at, &len, 4);
}

static void put_field(struct text *t, enum field field, const char *signature, const char *value)
{
	if (!value)
		return;
	dbus_put_padding(t, 8);
	dbus_put_byte(t, (uint8_t)field);
	dbus_put_signature(t, signature);
	if (field == SIGNATURE)
		dbus_put_signature(t, value);
	else
		dbus_put_string(t, value);
}

void dbus_put_call(struct text *t, const struct dbus_call *call, const struct text *body)
{
	struct text head = TEXT_IN(t->arena);	/* alignment counts from the message's start */
	struct dbus_array fields;

	dbus_put_byte(&head, ORDER);
	dbus_put_byte(&head, DBUS_CALL);
	dbus_put_byte(&head, NO_AUTO_START);
	dbus_put_byte(&head, PROTOCOL);
	dbus_put_u32(&head, body ? (uint32_t)body->len : 0);
	dbus_put_u32(&head, call->serial);
	fields = dbus_array_begin(&head, 8);
	put_field(&head, PATH, "o", call->path);
	put_field(&head, INTERFACE, "s", call->interface);
	put_field(&head, MEMBER, "s", call->member);
	put_field(&head, DESTINATION, "s", call->destination);
	put_field(&head, SIGNATURE, "g", call->signature);
	dbus_array_end(&head, fields);
	dbus_put_padding(&head, 8);
	text_add(t, head.bytes, head.len);
	if (body && body->len)
		text_add(t, body->bytes, body->len);
}

/* The next `len` bytes at that alignment, or NULL; padding has to be zero. */
static const unsigned char *get(struct dbus_reader *r, size_t alignment, size_t len)
{
	size_t at = align(r->at, alignment);

	if (r->bad || at > r->len || r->len - at < len) {
		r->bad = true;
		return NULL;
	}
	for (size_t i = r->at; i < at; i++)
		r->bad |= r->bytes[i] != 0;
	r->at = at + len;
	return r->bytes + at;
}

uint8_t dbus_get_byte(struct dbus_reader *r)
{
	const unsigned char *b = get(r, 1, 1);

	return b ? *b : 0;
}

uint32_t dbus_get_u32(struct dbus_reader *r)
{
	const unsigned char *b = get(r, 4, 4);
	uint32_t value = 0;

	if (b)
		memcpy(&value, b, 4);
	return value;
}

/* `len` bytes that are followed by a NUL and have none inside. */
static const char *get_text(struct dbus_reader *r, size_t len)
{
	const unsigned char *b = len < r->len ? get(r, 1, len + 1) : NULL;

	if (!b || b[len] || memchr(b, 0, len)) {
		r->bad = true;
		return "";
	}
	return (const char *)b;
}

const char *dbus_get_string(struct dbus_reader *r)
{
	return get_text(r, dbus_get_u32(r));
}

const char *dbus_get_signature(struct dbus_reader *r)
{
	return get_text(r, dbus_get_byte(r));
}

/* What a type is aligned to; 0 for what is no type. */
static size_t type_alignment(char type)
{
	switch (type) {
	case 'y': case 'g': case 'v':
		return 1;
	case 'n': case 'q':
		return 2;
	case 'b': case 'i': case 'u': case 's': case 'o': case 'a': case 'h':
		return 4;
	case 'x': case 't': case 'd': case '(': case '{':
		return 8;
	default:
		return 0;
	}
}

static void skip_value(struct dbus_reader *r, const char **type, unsigned depth);

/* Passes over a type without a value: that of an array's elements when there are none. */
static void skip_type(struct dbus_reader *r, const char **type, unsigned depth)
{
	char first = **type;

	if (!type_alignment(first) || depth > DEPTH_MAX) {
		r->bad = true;
		return;
	}
	++*type;
	if (first == 'a')
		skip_type(r, type, depth + 1);
	if (first != '(' && first != '{')
		return;
	while (!r->bad && **type && **type != ')' && **type != '}')
		skip_type(r, type, depth + 1);
	if (**type != (first == '(' ? ')' : '}'))
		r->bad = true;
	else
		++*type;
}

static void skip_array(struct dbus_reader *r, const char **type, unsigned depth)
{
	uint32_t len = dbus_get_u32(r);
	const char *element = *type;
	size_t end, before;

	skip_type(r, type, depth);
	if (r->bad || !get(r, type_alignment(*element), 0) || len > r->len - r->at) {
		r->bad = true;
		return;
	}
	end = r->at + len;
	/* Elements of one byte need no look. */
	if (*element == 'y') {
		r->at = end;
		return;
	}
	while (!r->bad && r->at < end) {
		const char *again = element;

		before = r->at;
		skip_value(r, &again, depth);
		r->bad |= r->at == before;
	}
	r->bad |= r->at != end;
}

static void skip_value(struct dbus_reader *r, const char **type, unsigned depth)
{
	char first = **type;
	size_t alignment = type_alignment(first);
	const char *inner;

	if (r->bad || !alignment || depth > DEPTH_MAX) {
		r->bad = true;
		return;
	}
	++*type;
	switch (first) {
	case 's': case 'o':
		(void)dbus_get_string(r);
		break;
	case 'g':
		(void)dbus_get_signature(r);
		break;
	case 'a':
		skip_array(r, type, depth + 1);
		break;
	case 'v':
		inner = dbus_get_signature(r);
		skip_value(r, &inner, depth + 1);
		r->bad |= *inner != '\0';
		break;
	case '(': case '{':
		(void)get(r, 8, 0);
		while (!r->bad && **type && **type != ')' && **type != '}')
			skip_value(r, type, depth + 1);
		if (**type != (first == '(' ? ')' : '}'))
			r->bad = true;
		else
			++*type;
		break;
	default:
		(void)get(r, alignment, alignment);
	}
}

void dbus_skip(struct dbus_reader *r, const char **type)
{
	skip_value(r, type, 0);
}

size_t dbus_message_size(const unsigned char head[DBUS_HEAD])
{
	uint32_t body, fields;
	size_t size;

	memcpy(&body, head + 4, 4);
	memcpy(&fields, head + 12, 4);
	if (head[0] != ORDER || head[3] != PROTOCOL || body > DBUS_MESSAGE_MAX ||
	    fields > DBUS_MESSAGE_MAX)
		return 0;
	size = align(DBUS_HEAD + (size_t)fields, 8) + body;
	return size > DBUS_MESSAGE_MAX ? 0 : size;
}

/* One field: its value where it is wanted; it has to have the type that the field has. */
static void read_field(struct dbus_reader *r, struct dbus_message *m)
{
	static const char types[] = { [PATH] = 'o', [INTERFACE] = 's', [MEMBER] = 's',
		[ERROR_NAME] = 's', [REPLY_SERIAL] = 'u', [DESTINATION] = 's', [SENDER] = 's',
		[SIGNATURE] = 'g' };
	const char *ignored, *signature;
	const char **into[] = { [PATH] = &m->path, [INTERFACE] = &m->interface,
		[MEMBER] = &m->member, [ERROR_NAME] = &m->error, [DESTINATION] = &ignored,
		[SENDER] = &m->sender, [SIGNATURE] = &m->signature };
	uint8_t field;

	(void)get(r, 8, 0);
	field = dbus_get_byte(r);
	signature = dbus_get_signature(r);
	if (r->bad || field == 0) {
		r->bad = true;
	} else if (field > SIGNATURE) {		/* newer than we are */
		dbus_skip(r, &signature);
		r->bad |= *signature != '\0';
	} else if (signature[0] != types[field] || signature[1]) {
		r->bad = true;
	} else if (field == REPLY_SERIAL) {
		m->reply_to = dbus_get_u32(r);
	} else if (field == SIGNATURE) {
		m->signature = dbus_get_signature(r);
	} else {
		*into[field] = dbus_get_string(r);
	}
}

bool dbus_message_read(const unsigned char *bytes, size_t len, struct dbus_message *ret)
{
	struct dbus_message m = { .path = "", .interface = "", .member = "", .error = "",
				  .sender = "", .signature = "" };
	struct dbus_reader r = { .bytes = bytes, .len = len, .at = 8 };
	uint32_t fields;

	if (len < DBUS_HEAD || dbus_message_size(bytes) != len ||
	    bytes[1] < DBUS_CALL || bytes[1] > DBUS_SIGNAL)
		return false;
	m.type = (enum dbus_type)bytes[1];
	m.serial = dbus_get_u32(&r);
	fields = dbus_get_u32(&r);
	r.len = DBUS_HEAD + (size_t)fields;	/* not beyond them */
	while (!r.bad && r.at < r.len)
		read_field(&r, &m);
	r.len = len;
	(void)get(&r, 8, 0);
	m.body = (struct dbus_reader){ .bytes = bytes + r.at, .len = len - r.at };
	if (r.bad || !m.serial)
		return false;
	if ((m.type == DBUS_REPLY || m.type == DBUS_ERROR) && !m.reply_to)
		return false;
	if (m.type == DBUS_ERROR && !*m.error)
		return false;
	if ((m.type == DBUS_SIGNAL || m.type == DBUS_CALL) && (!*m.member || !*m.path))
		return false;
	*ret = m;
	return true;
}
