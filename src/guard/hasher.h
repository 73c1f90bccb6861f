/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Hashing beside reading and writing. Hashing costs more than reading memory and about
 * as much as writing it, so a second thread does it: while it is at one buffer, the first one
 * writes the same buffer and reads the next into the other. It knows nothing of files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/sha256.h"

enum { HASHER_CHUNK = 1024 * 1024 };

struct hasher;

/* Begins the thread, once. False when there can be none: what called then does the hashing. */
bool hasher_begin(struct hasher **h);

/* One of two buffers of HASHER_CHUNK bytes, by turns; NULL where there is no memory for them. */
void *hasher_buffer(struct hasher **h);

/* Hands over the next bytes, which stay as they are until hasher_wait or the next call returns. */
void hasher_add(struct hasher *h, struct sha256 *sum, const void *bytes, size_t len);

/* What was handed over is hashed. Accepts NULL. */
void hasher_wait(struct hasher *h);

/* Ends the thread and frees the buffers. Accepts a pointer to NULL. */
void hasher_end(struct hasher **h);
