/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process object: of config.json, and of the document that `exec --process` takes. PURE.
 */
#include <string.h>

#include "base/text.h"
#include "oci/tables.h"
#include "oci/words.h"
#include "orlop/auto.h"

enum { UNKNOWN_CAPS_MAX = 64, WORD_MAX = 60 };

static const struct bind console_size_rows[] = {
	B_SET(struct oci_console_size, set),
	/* struct winsize has 16 bits for each. */
	B_U32_IN(struct oci_console_size, height, "height", 0, UINT16_MAX, B_REQUIRED),
	B_U32_IN(struct oci_console_size, width, "width", 0, UINT16_MAX, B_REQUIRED),
	B_END
};

static const struct bind user_rows[] = {
	B_SET(struct oci_user, set),
	B_U32_IN(struct oci_user, uid, "uid", 0, OCI_ID_MAX, B_REQUIRED),
	B_U32_IN(struct oci_user, gid, "gid", 0, OCI_ID_MAX, 0),
	B_OPT_U32_IN(struct oci_user, umask, "umask", 0, 0777),
	B_U32S_IN(struct oci_user, additional_gids, "additionalGids", 0, OCI_ID_MAX),
	B_END
};

/* A set of capabilities; names that nobody knows are collected by check_caps. */
static int read_caps(const struct binding *b, const struct node *n, void *field)
{
	uint64_t *set = field, number;

	if (n->type != NODE_ARRAY)
		return doc_err_type(b->doc, n, b->e, "an array");
	for (const struct node *child = n->first; child; child = child->next) {
		if (bind_check_str(b, child, 0))
			return -1;
		if (names_find(words_capabilities, child->text, &number))
			*set |= UINT64_C(1) << number;
	}
	return 0;
}

static bool has_word(const struct str_list *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], word) == 0)
			return true;
	return false;
}

/*
 * Since 1.1 a name that is not known is a warning, not an error: the list goes to whoever warns.
 * Each name once, and not more of them than somebody would read.
 */
static int check_caps(const struct binding *b, const struct node *n, void *object)
{
	static const char *const sets[] = {
		"bounding", "effective", "inheritable", "permitted", "ambient",
	};
	struct oci_caps *caps = object;
	uint64_t number;

	caps->unknown.items = arena_new_array(b->arena, char *, UNKNOWN_CAPS_MAX);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		const struct node *set = doc_find(n, sets[i]);

		for (const struct node *child = set ? set->first : NULL; child; child = child->next)
			if (caps->unknown.count < UNKNOWN_CAPS_MAX &&
			    !names_find(words_capabilities, child->text, &number) &&
			    !has_word(&caps->unknown, child->text))
				caps->unknown.items[caps->unknown.count++] = child->text;
	}
	return 0;
}

static const struct bind caps_rows[] = {
	B_SET(struct oci_caps, set),
	B_CUSTOM(struct oci_caps, bounding, "bounding", uint64_t, read_caps),
	B_CUSTOM(struct oci_caps, effective, "effective", uint64_t, read_caps),
	B_CUSTOM(struct oci_caps, inheritable, "inheritable", uint64_t, read_caps),
	B_CUSTOM(struct oci_caps, permitted, "permitted", uint64_t, read_caps),
	B_CUSTOM(struct oci_caps, ambient, "ambient", uint64_t, read_caps),
	B_CHECK(check_caps),
	B_END
};

static const struct bind rlimit_rows[] = {
	B_LINE(struct oci_rlimit, line),
	B_WORD(struct oci_rlimit, resource, "type", int, words_rlimits, "resource limit",
	       B_REQUIRED),
	B_U64(struct oci_rlimit, soft, "soft", B_REQUIRED),
	B_U64(struct oci_rlimit, hard, "hard", B_REQUIRED),
	B_END
};

/* The word is the specification's, the number is reserved, and no kernel implements it. */
static int check_scheduler(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_scheduler *scheduler = object;
	const struct node *policy = doc_find(n, "policy");

	if (scheduler->policy != WORDS_SCHED_ISO)
		return 0;
	return doc_err(b->doc, policy, b->e, "no kernel implements %s", policy->text);
}

static const struct bind scheduler_rows[] = {
	B_SET(struct oci_scheduler, set),
	B_LINE(struct oci_scheduler, line),
	B_WORD(struct oci_scheduler, policy, "policy", int, words_sched_policies,
	       "scheduling policy", B_REQUIRED),
	B_I32_IN(struct oci_scheduler, nice, "nice", -20, 19),
	B_I32_IN(struct oci_scheduler, priority, "priority", 0, 99),
	B_WORDS(struct oci_scheduler, flags, "flags", uint64_t, words_sched_flags,
		"scheduling flag"),
	B_U64(struct oci_scheduler, runtime, "runtime"),
	B_U64(struct oci_scheduler, deadline, "deadline"),
	B_U64(struct oci_scheduler, period, "period"),
	B_CHECK(check_scheduler),
	B_END
};

static int read_io_level(const struct binding *b, const struct node *n, void *field)
{
	int64_t level;

	if (doc_i64(b->doc, n, 0, 7, &level, b->e))
		return -1;
	*(int *)field = (int)level;
	return 0;
}

static const struct bind io_priority_rows[] = {
	B_SET(struct oci_io_priority, set),
	B_WORD(struct oci_io_priority, class, "class", int, words_io_classes, "I/O class",
	       B_REQUIRED),
	B_CUSTOM(struct oci_io_priority, priority, "priority", int, read_io_level),
	B_END
};

static int read_cpu_list(const struct binding *b, const struct node *n, void *field)
{
	auto_arena a = ARENA_NONE;

	if (bind_check_str(b, n, 0))
		return -1;
	if (n->text[strspn(n->text, "0123456789, -")])
		return doc_err(b->doc, n, b->e, "expected a list of CPUs like \"0-3,7\", found %s",
			       text_quote(&a, n->text, WORD_MAX));
	*(char **)field = n->len ? n->text : NULL;
	return 0;
}

static const struct bind cpu_affinity_rows[] = {
	B_SET(struct oci_cpu_affinity, set),
	B_CUSTOM(struct oci_cpu_affinity, initial, "initial", char *, read_cpu_list),
	B_CUSTOM(struct oci_cpu_affinity, final, "final", char *, read_cpu_list),
	B_END
};

static int check_process(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_process *process = object;
	uint64_t seen = 0;

	for (size_t i = 0; i < process->rlimits.count; i++) {
		const struct node *item;

		if (!(seen >> process->rlimits.items[i].resource & 1)) {
			seen |= UINT64_C(1) << process->rlimits.items[i].resource;
			continue;
		}
		item = doc_at(doc_find(n, "rlimits"), i);
		return doc_err(b->doc, item, b->e, "a second limit of type \"%s\"",
			       doc_find(item, "type")->text);
	}
	return 0;
}

const struct bind oci_process_rows[] = {
	B_SET(struct oci_process, set),
	B_LINE(struct oci_process, line),
	B_BOOL(struct oci_process, terminal, "terminal"),
	B_OBJECT(struct oci_process, console_size, "consoleSize", struct oci_console_size,
		 console_size_rows),
	B_OBJECT(struct oci_process, user, "user", struct oci_user, user_rows),
	B_STRS(struct oci_process, args, "args"),
	B_STRS(struct oci_process, env, "env"),
	B_STR(struct oci_process, cwd, "cwd", B_REQUIRED | B_ABSOLUTE),
	B_OBJECT(struct oci_process, caps, "capabilities", struct oci_caps, caps_rows),
	B_LIST(struct oci_process, rlimits, "rlimits", struct oci_rlimit, rlimit_rows),
	B_BOOL(struct oci_process, no_new_privileges, "noNewPrivileges"),
	B_OPT_I64_IN(struct oci_process, oom_score_adj, "oomScoreAdj", -1000, 1000),
	B_STR(struct oci_process, apparmor_profile, "apparmorProfile"),
	B_STR(struct oci_process, selinux_label, "selinuxLabel"),
	B_OBJECT(struct oci_process, scheduler, "scheduler", struct oci_scheduler, scheduler_rows),
	B_OBJECT(struct oci_process, io_priority, "ioPriority", struct oci_io_priority,
		 io_priority_rows),
	B_OBJECT(struct oci_process, exec_cpu_affinity, "execCPUAffinity",
		 struct oci_cpu_affinity, cpu_affinity_rows),
	B_CHECK(check_process),
	B_END
};
