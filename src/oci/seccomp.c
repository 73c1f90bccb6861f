/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp object. Names of system calls are not looked up here: they depend on the library
 * and the architecture, and one that nobody knows is no error. PURE.
 */
#include <inttypes.h>

#include "oci/tables.h"
#include "oci/words.h"

enum {
	ARGS_MAX = 5,			/* a system call has six */
	ERRNO_MAX = 4095,		/* the kernel's MAX_ERRNO */
	TRACE_MAX = UINT16_MAX,		/* SECCOMP_RET_DATA */
};

/* Whether the number may stand beside the action: ERRNO returns it, TRACE tells it the tracer. */
static int check_errno(const struct binding *b, const struct node *object, const char *key,
		       enum oci_seccomp_action action, const struct opt_u32 *number)
{
	const struct node *n = doc_find(object, key);
	uint32_t max = action == OCI_SECCOMP_TRACE ? TRACE_MAX : ERRNO_MAX;

	if (!number->set)
		return 0;
	if (action != OCI_SECCOMP_ERRNO && action != OCI_SECCOMP_TRACE)
		return doc_err(b->doc, n, b->e, "the action %s takes no number",
			       names_word(words_seccomp_actions, action));
	if (number->value > max)
		return doc_err(b->doc, n, b->e, "%" PRIu32 " is out of range (0 to %" PRIu32 ")",
			       number->value, max);
	return 0;
}

static const struct bind arg_rows[] = {
	B_U32_IN(struct oci_seccomp_arg, index, "index", 0, ARGS_MAX, B_REQUIRED),
	B_U64(struct oci_seccomp_arg, value, "value", B_REQUIRED),
	B_U64(struct oci_seccomp_arg, value_two, "valueTwo"),
	B_WORD(struct oci_seccomp_arg, op, "op", enum oci_seccomp_op, words_seccomp_ops,
	       "operator", B_REQUIRED),
	B_END
};

static int check_rule(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_seccomp_rule *rule = object;

	return check_errno(b, n, "errnoRet", rule->action, &rule->errno_ret);
}

static const struct bind rule_rows[] = {
	B_LINE(struct oci_seccomp_rule, line),
	B_STRS(struct oci_seccomp_rule, names, "names", B_REQUIRED | B_NOT_EMPTY),
	B_WORD(struct oci_seccomp_rule, action, "action", enum oci_seccomp_action,
	       words_seccomp_actions, "action", B_REQUIRED),
	B_OPT_U32(struct oci_seccomp_rule, errno_ret, "errnoRet"),
	B_LIST(struct oci_seccomp_rule, args, "args", struct oci_seccomp_arg, arg_rows),
	B_CHECK(check_rule),
	B_END
};

static int check_seccomp(const struct binding *b, const struct node *n, void *object)
{
	struct oci_seccomp *seccomp = object;

	seccomp->flags_set = doc_find(n, "flags") != NULL;
	if (seccomp->listener_metadata && !seccomp->listener_path)
		return doc_err(b->doc, n, b->e,
			       "\"listenerMetadata\" needs \"listenerPath\" beside it");
	return check_errno(b, n, "defaultErrnoRet", seccomp->default_action,
			   &seccomp->default_errno);
}

const struct bind oci_seccomp_rows[] = {
	B_SET(struct oci_seccomp, set),
	B_LINE(struct oci_seccomp, line),
	B_WORD(struct oci_seccomp, default_action, "defaultAction", enum oci_seccomp_action,
	       words_seccomp_actions, "action", B_REQUIRED),
	B_OPT_U32(struct oci_seccomp, default_errno, "defaultErrnoRet"),
	B_WORD_LIST(struct oci_seccomp, architectures, "architectures", words_seccomp_archs,
		    "architecture"),
	B_WORDS(struct oci_seccomp, flags, "flags", uint32_t, words_seccomp_flags, "filter flag"),
	B_STR(struct oci_seccomp, listener_path, "listenerPath"),
	B_STR(struct oci_seccomp, listener_metadata, "listenerMetadata"),
	B_LIST(struct oci_seccomp, rules, "syscalls", struct oci_seccomp_rule, rule_rows),
	B_CHECK(check_seccomp),
	B_END
};
