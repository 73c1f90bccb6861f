/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) of bytes that come piece by piece.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 2 * SHA256_SIZE + 1 };

struct sha256 {
	uint32_t state[8];
	uint64_t len;			/* bytes so far */
	unsigned char block[64];	/* the last len % 64 of them */
	bool fast;			/* by the processor's instructions for it */
};

/* Begins with nothing. */
void sha256_init(struct sha256 *s);

/* Takes len bytes more. */
void sha256_add(struct sha256 *s, const void *bytes, size_t len);

/* The digest of all that was added; *s is used up and may be begun again. */
void sha256_end(struct sha256 *s, unsigned char ret[SHA256_SIZE]);

/* The digest in lower-case hexadecimal digits, terminated. */
void sha256_hex(const unsigned char digest[SHA256_SIZE], char ret[SHA256_HEX_SIZE]);
