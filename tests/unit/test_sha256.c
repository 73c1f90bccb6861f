/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against published values, and against itself for every way of cutting the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/sha256.h"
#include "check.h"
#include "orlop/auto.h"

static bool slowly;		/* without the processor's instructions */

static const char *digest(const void *bytes, size_t len, size_t piece)
{
	static char hex[SHA256_HEX_SIZE];
	unsigned char raw[SHA256_SIZE];
	struct sha256 s;

	sha256_init(&s);
	s.fast &= !slowly;
	for (size_t at = 0; at < len; at += piece)
		sha256_add(&s, (const char *)bytes + at, len - at < piece ? len - at : piece);
	sha256_end(&s, raw);
	sha256_hex(raw, hex);
	return hex;
}

/* FIPS 180-4's own examples, and the million times "a" of its validation. */
static void published_values(void)
{
	static const struct {
		const char *text, *hex;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	auto_free char *many = malloc(1000000);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_STR(digest(rows[i].text, strlen(rows[i].text), 1000), rows[i].hex);
	memset(many, 'a', 1000000);
	CHECK_STR(digest(many, 1000000, 1000000),
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void the_pieces_do_not_matter(void)
{
	unsigned char bytes[300];
	bool slow = slowly;
	char whole[SHA256_HEX_SIZE];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		slowly = true;
		memcpy(whole, digest(bytes, len, sizeof(bytes)), sizeof(whole));
		slowly = slow;
		for (size_t piece = 1; piece < 130; piece += 3)
			CHECK_STR(digest(bytes, len, piece), whole);
	}
}

static void how_fast_it_is(void)
{
	enum { SIZE = 16 << 20 };
	auto_free char *bytes = malloc(SIZE);
	struct timespec from, to;
	double seconds;

	memset(bytes, 1, SIZE);
	clock_gettime(CLOCK_MONOTONIC, &from);
	digest(bytes, SIZE, SIZE);
	clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	fprintf(stderr, "%s: %.0f MB/s\n", slowly ? "plain" : "as the processor can",
		SIZE / 1e6 / seconds);
}

int main(void)
{
	for (int pass = 0; pass < 2; pass++) {
		slowly = pass == 1;
		published_values();
		the_pieces_do_not_matter();
		how_fast_it_is();
	}
	return check_result();
}
