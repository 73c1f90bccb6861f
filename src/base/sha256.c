/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include <string.h>

#include "base/sha256_blocks.h"

enum { BLOCK = 64, ROUNDS = 64 };

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
const uint32_t sha256_constants[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t turn(uint32_t x, unsigned by)
{
	return x >> by | x << (32 - by);
}

static uint32_t read_be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_be32(unsigned char *p, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(x >> (24 - 8 * i));
}

static void mix_one(uint32_t state[8], const unsigned char *block)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4],
		 f = state[5], g = state[6], h = state[7];
	uint32_t w[ROUNDS];

	for (int i = 0; i < 16; i++)
		w[i] = read_be32(block + (size_t)i * 4);
	for (int i = 16; i < ROUNDS; i++) {
		uint32_t x = w[i - 15], y = w[i - 2];

		w[i] = w[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ x >> 3) + w[i - 7] +
		       (turn(y, 17) ^ turn(y, 19) ^ y >> 10);
	}
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
			       ((e & f) ^ (~e & g)) + sha256_constants[i] + w[i];
		uint32_t two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) +
			       ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + one;
		d = c;
		c = b;
		b = a;
		a = one + two;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

static void mix(struct sha256 *s, const unsigned char *blocks, size_t count)
{
	if (s->fast) {
		sha256_blocks(s->state, blocks, count);
		return;
	}
	for (; count > 0; count--, blocks += BLOCK)
		mix_one(s->state, blocks);
}

void sha256_init(struct sha256 *s)
{
	/* The first 32 bits of the fractions of the square roots of the first eight primes. */
	static const uint32_t first[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	memcpy(s->state, first, sizeof(first));
	s->len = 0;
	s->fast = sha256_blocks_can();
}

void sha256_add(struct sha256 *s, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t have = s->len % BLOCK;

	s->len += len;
	if (have > 0) {
		size_t n = len < BLOCK - have ? len : BLOCK - have;

		memcpy(s->block + have, p, n);
		if (have + n < BLOCK)
			return;
		mix(s, s->block, 1);
		p += n;
		len -= n;
	}
	mix(s, p, len / BLOCK);
	if (len % BLOCK > 0)
		memcpy(s->block, p + len - len % BLOCK, len % BLOCK);
}

void sha256_end(struct sha256 *s, unsigned char ret[SHA256_SIZE])
{
	uint64_t bits = s->len * 8;
	size_t have = s->len % BLOCK;

	s->block[have++] = 0x80;
	if (have > BLOCK - 8) {
		memset(s->block + have, 0, BLOCK - have);
		mix(s, s->block, 1);
		have = 0;
	}
	memset(s->block + have, 0, BLOCK - 8 - have);
	write_be32(s->block + BLOCK - 8, (uint32_t)(bits >> 32));
	write_be32(s->block + BLOCK - 4, (uint32_t)bits);
	mix(s, s->block, 1);
	for (int i = 0; i < 8; i++)
		write_be32(ret + (size_t)i * 4, s->state[i]);
}

void sha256_hex(const unsigned char digest[SHA256_SIZE], char ret[SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < SHA256_SIZE; i++) {
		ret[2 * i] = digits[digest[i] >> 4];
		ret[2 * i + 1] = digits[digest[i] & 15];
	}
	ret[SHA256_HEX_SIZE - 1] = '\0';
}
