/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this text UTF-8? PURE.
 */
#pragma once

#include <stddef.h>

/*
 * The offset of the first byte that does not belong to well-formed UTF-8 (RFC 3629: no overlong
 * forms, no surrogates, nothing above U+10FFFF), or len. NUL is a character like any other.
 */
size_t utf8_check(const char *text, size_t len);
