/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks object: six lists of programs. PURE.
 */
#include "oci/tables.h"

static const struct bind hook_rows[] = {
	B_LINE(struct oci_hook, line),
	B_STR(struct oci_hook, path, "path", B_REQUIRED | B_ABSOLUTE),
	B_STRS(struct oci_hook, args, "args"),
	B_STRS(struct oci_hook, env, "env"),
	/* Seconds; 68 years of them fit into every clock in every unit. */
	B_OPT_I64_IN(struct oci_hook, timeout, "timeout", 1, INT32_MAX),
	B_END
};

#define HOOKS(field, name) B_LIST(struct oci_hooks, field, name, struct oci_hook, hook_rows)

const struct bind oci_hooks_rows[] = {
	HOOKS(prestart, "prestart"),
	HOOKS(create_runtime, "createRuntime"),
	HOOKS(create_container, "createContainer"),
	HOOKS(start_container, "startContainer"),
	HOOKS(poststart, "poststart"),
	HOOKS(poststop, "poststop"),
	B_END
};
