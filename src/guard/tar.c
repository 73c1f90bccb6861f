/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of a tar archive. PURE.
 */
#include "guard/tar.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[6], version[2], owner[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is a block");

void tar_record(struct text *t, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3;	/* blank, '=', newline */
	size_t digits = 1, power = 10;
	char number[24];

	/* The length counts its own digits. */
	while (rest + digits >= power) {
		digits++;
		power *= 10;
	}
	snprintf(number, sizeof(number), "%zu ", rest + digits);
	text_puts(t, number);
	text_puts(t, key);
	text_add(t, "=", 1);
	text_add(t, value, len);
	text_add(t, "\n", 1);
}

/* An octal number that fills its field but for the NUL; false when it does not fit. */
static bool octal(char *field, size_t size, uint64_t value)
{
	memset(field, '0', size - 1);
	field[size - 1] = '\0';
	for (size_t i = size - 1; i > 0 && value; value >>= 3)
		field[--i] = (char)('0' + (value & 7));
	return value == 0;
}

static unsigned sum_of(const unsigned char *block)
{
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool own = i >= offsetof(struct header, sum) && i < offsetof(struct header, type);

		sum += own ? ' ' : block[i];
	}
	return sum;
}

static void add_block(struct text *t, struct header *h)
{
	unsigned char block[TAR_BLOCK];
	char number[12];

	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	memcpy(block, h, sizeof(block));
	snprintf(number, sizeof(number), "%06o", sum_of(block));
	memcpy(h->sum, number, 7);
	h->sum[7] = ' ';
	text_add(t, (const char *)h, sizeof(*h));
}

static void record_number(struct text *t, const char *key, uint64_t value)
{
	char number[24];
	int n = snprintf(number, sizeof(number), "%llu", (unsigned long long)value);

	tar_record(t, key, number, (size_t)n);
}

/* Copies what fits; the whole is in a pax record when it does not. */
static void copy_name(struct text *pax, const char *key, char field[100], const char *value)
{
	size_t len = strlen(value);

	if (len > 100)
		tar_record(pax, key, value, len);
	memcpy(field, value, len < 100 ? len : 100);
}

static void add_pax(struct text *t, const struct text *pax)
{
	static const char zeros[TAR_BLOCK];
	struct header h = { .name = "././@PaxHeader", .type = 'x' };

	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.mtime, sizeof(h.mtime), 0);
	octal(h.size, sizeof(h.size), pax->len);
	add_block(t, &h);
	text_add(t, pax->bytes, pax->len);
	text_add(t, zeros, tar_pad(pax->len));
}

void tar_head(struct text *t, const struct tar_member *m)
{
	struct text pax = TEXT_IN(t->arena);
	struct header h = { .type = m->type };

	copy_name(&pax, "path", h.name, m->path);
	if (m->link)
		copy_name(&pax, "linkpath", h.link, m->link);
	octal(h.mode, sizeof(h.mode), m->mode & 07777);
	if (!octal(h.uid, sizeof(h.uid), m->uid))
		record_number(&pax, "uid", m->uid);
	if (!octal(h.gid, sizeof(h.gid), m->gid))
		record_number(&pax, "gid", m->gid);
	if (!octal(h.size, sizeof(h.size), m->size))
		record_number(&pax, "size", m->size);
	octal(h.mtime, sizeof(h.mtime), m->mtime > 0 ? (uint64_t)m->mtime : 0);
	if (m->mtime < 0 || m->mtime_ns) {
		char time[48];
		int n = m->mtime < 0 ? snprintf(time, sizeof(time), "%lld", (long long)m->mtime)
				     : snprintf(time, sizeof(time), "%lld.%09u",
						(long long)m->mtime, m->mtime_ns);

		tar_record(&pax, "mtime", time, (size_t)n);
	}
	octal(h.major, sizeof(h.major), m->major);
	octal(h.minor, sizeof(h.minor), m->minor);
	if (m->records_len)
		text_add(&pax, m->records, m->records_len);
	if (pax.len)
		add_pax(t, &pax);
	add_block(t, &h);
}

bool tar_is_header(const unsigned char block[TAR_BLOCK])
{
	struct header h;
	unsigned sum = 0;

	memcpy(&h, block, sizeof(h));
	for (size_t i = 0; i < 6; i++) {
		if (h.sum[i] < '0' || h.sum[i] > '7')
			return false;
		sum = sum * 8 + (unsigned)(h.sum[i] - '0');
	}
	return memcmp(h.magic, "ustar", 6) == 0 && sum == sum_of(block);
}

uint64_t tar_size(const unsigned char block[TAR_BLOCK])
{
	struct header h;
	uint64_t size = 0;

	memcpy(&h, block, sizeof(h));
	for (size_t i = 0; i < sizeof(h.size) - 1; i++) {
		if (h.size[i] < '0' || h.size[i] > '7')
			return UINT64_MAX;
		size = size * 8 + (uint64_t)(h.size[i] - '0');
	}
	return size;
}
