/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Runs hooks in the runtime's namespaces: prestart, createRuntime, poststart and
 * poststop. Those inside the container are the child's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "orlop/err.h"
#include "orlop/plan.h"

/*
 * Runs the hooks one after the other. Each gets its own argv, its own environment or, where it
 * says nothing of one, the caller's, `cwd` (the bundle) as its working directory, the state on its
 * standard input, and descriptors 0 to 2 only, in a session of its own with no signal blocked or
 * ignored. One that exceeds its timeout is killed with its process group; one without a timeout is
 * waited for.
 *
 * A hook fails that cannot be run, or ends otherwise than with exit status 0. Without `on_failure`
 * the first failure ends the row: -1, with what the hook wrote in the error. With it, each
 * failure's text is handed over, the rest run nevertheless, and the result is 0.
 *
 * `kind` is the member's name in config.json, for messages.
 */
int hooks_run(const struct hook_list *hooks, const char *kind, const char *state_json,
	      const char *cwd, void (*on_failure)(const char *text), struct err *e)
	__attribute__((warn_unused_result));

/* Whether a hook with this wait status failed, and how, in the words that runc has for it. */
bool hooks_failed(int status, char *words, size_t size);

/* Runs one program as a hook is run, without environment and with nothing to read. */
int hooks_run_program(const struct oci_hook *program, struct err *e)
	__attribute__((warn_unused_result));
