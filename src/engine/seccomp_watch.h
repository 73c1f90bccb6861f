/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Filters that ask a listener: a container's own rules, changed so that some calls are
 * asked about. No filter is put on another one, so the plan shows the whole.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/oci_config.h"

/*
 * Makes the calls ask the listener at `path`, whatever the rules said of them, and refuses the
 * program a listener of its own, which would be asked in place of ours. Without rules all else
 * stays allowed. A call that is not known, and one without which nothing runs, is an error; so are
 * rules that have a listener already.
 */
int seccomp_watch(struct oci_seccomp *rules, const struct str_list *calls, const char *path,
		  struct arena *a, struct err *e) __attribute__((warn_unused_result));

/*
 * Replaces the rules: every call that has a name asks the listener at `path`, but for those
 * without which nothing runs (seccomp_needed); all is allowed otherwise.
 */
void seccomp_learn(struct oci_seccomp *rules, const char *path, struct arena *a);

/* Calls that are never asked about; ends with NULL. */
extern const char *const seccomp_needed[];

/* The name of a call, as a filter's notice has it; a number for one that is not known. */
const char *seccomp_call_name(uint32_t audit_arch, int number, struct arena *a);
