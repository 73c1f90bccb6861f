/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of a tar archive (POSIX pax): what a file was, for whoever has tar. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { TAR_BLOCK = 512 };

struct tar_member {
	const char *path;		/* a directory's ends in '/' */
	const char *link;		/* target of a symbolic link, or NULL */
	char type;			/* '0' file, '2' link, '3', '4' device, '5' dir, '6' fifo */
	unsigned mode;			/* permission bits */
	uint64_t uid, gid, size;
	int64_t mtime;
	uint32_t mtime_ns;
	unsigned major, minor;
	const char *records;		/* pax records besides, as tar_record makes them */
	size_t records_len;
};

/* Appends a pax record, "<length> <key>=<value>\n"; the value may hold any byte. */
void tar_record(struct text *t, const char *key, const void *value, size_t len);

/* Appends the member's header, with a pax header in front where the plain one cannot say it all. */
void tar_head(struct text *t, const struct tar_member *m);

/* How many zeros follow `size` bytes of a member. */
static inline size_t tar_pad(uint64_t size)
{
	return (size_t)(-size & (TAR_BLOCK - 1));
}

/* True when the block is a header whose sum is right. */
bool tar_is_header(const unsigned char block[TAR_BLOCK]);

/* The size that a header gives; UINT64_MAX when it is not a number of ours. */
uint64_t tar_size(const unsigned char block[TAR_BLOCK]);
