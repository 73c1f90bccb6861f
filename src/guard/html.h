/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in an HTML page. Everything that comes from a container is written by the man who attacks
 * whoever reads the page. PURE.
 */
#pragma once

#include <stddef.h>

#include "base/text.h"

/*
 * Appends text that cannot be markup: & < > " ' as entities; control bytes, what is not UTF-8,
 * and characters that turn the direction of writing as a visible [U+XXXX] or [xNN]. At most `max`
 * bytes of it, then "...". NULL is nothing.
 */
void html_text(struct text *t, const char *s, size_t max);
