/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of SHA-256 that a processor may have instructions for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The 64 constants of FIPS 180-4, 4.2.2. */
extern const uint32_t sha256_constants[64];

/* Whether this processor can: asked once in the life of the program. */
bool sha256_blocks_can(void);

/* Takes `count` blocks of 64 bytes into the state; only where it can. */
void sha256_blocks(uint32_t state[8], const unsigned char *blocks, size_t count);
