/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written down about a set of evidence that was taken, or could not be.
 */
#pragma once

#include "orlop/err.h"
#include "orlop/evidence.h"

/*
 * Writes it into the audit log and the journal of the quarantine, and starts the policy's hooks.
 * `code` is evidence_take's; `why` its error when that is -1. Whether the audit log has it.
 */
bool custody_note(const char *root, const char *id, const struct evidence_options *options,
		  int code, const struct evidence_result *result, const struct err *why);
