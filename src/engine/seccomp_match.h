/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The code that decides about one system call by its arguments.
 */
#pragma once

#include "engine/seccomp_code.h"
#include "engine/seccomp_entries.h"

/*
 * Writes the entries of one number one after the other, then the answer that is left. Returns the
 * place where the code begins. 32-bit architectures are compared by the lower halves alone.
 */
size_t seccomp_match_write(struct seccomp_code *code, uint32_t token,
			   const struct seccomp_entry *items, size_t count, uint32_t fallback);
