/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters of texts that somebody else has chosen, and which of them must not reach a terminal.
 * PURE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of the well-formed UTF-8 character at `s`, which is not empty, and its number; or 0. */
size_t character_read(const char *s, uint32_t *ret);

/* Whether a terminal acts on it, or it changes how the rest of the line reads. */
bool character_is_hidden(uint32_t c);

/* Puts '?' in the place of every such character, and of each byte that belongs to none. */
void character_replace_hidden(char *text);
