/* SPDX-License-Identifier: Apache-2.0 */
/* Where there are no instructions for SHA-256 that we know of. */
#include "base/sha256_blocks.h"

#include "orlop/err.h"

bool sha256_blocks_can(void)
{
	return false;
}

void sha256_blocks(uint32_t state[8], const unsigned char *blocks, size_t count)
{
	(void)state;
	(void)blocks;
	(void)count;
	BUG_ON(true);
}
