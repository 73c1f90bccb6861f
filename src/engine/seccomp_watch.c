/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What the kernel does with two filters on one call would hide the alarm behind a
 * refusal, so the watched calls are taken out of all rules and get one of their own.
 */
#include "engine/seccomp_watch.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orlop/auto.h"

enum { OWN_RULES = 4, NUMBERS_MAX = 1024 };	/* numbers: what an architecture may have */

/* Nobody would be there yet, or any more, to answer for these. */
const char *const seccomp_needed[] = { "execve", "write", "exit", "exit_group", "rt_sigreturn",
	"restart_syscall", NULL };

static bool is_needed(const char *name)
{
	for (size_t i = 0; seccomp_needed[i]; i++)
		if (strcmp(name, seccomp_needed[i]) == 0)
			return true;
	return false;
}

static int check_calls(const struct str_list *calls, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < calls->count; i++) {
		const char *name = calls->items[i];

		if (seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
			return err_set(e, ERR_CONFIG, "watch.calls[%zu]: there is no system call %s", i,
				       text_quote(a, name, 40));
		if (is_needed(name))
			return err_set(e, ERR_CONFIG, "watch.calls[%zu]: without %s no program begins or "
				       "ends", i, name);
	}
	return 0;
}

static bool is_among(const char *name, const struct str_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(name, list->items[i]) == 0)
			return true;
	return false;
}

/* A copy of a rule without some of its names. */
static struct oci_seccomp_rule without(const struct oci_seccomp_rule *rule,
				       const struct str_list *names, struct arena *a)
{
	struct oci_seccomp_rule copy = *rule;

	copy.names.items = arena_new_array(a, char *, rule->names.count);
	copy.names.count = 0;
	for (size_t i = 0; i < rule->names.count; i++)
		if (!is_among(rule->names.items[i], names))
			copy.names.items[copy.names.count++] = rule->names.items[i];
	return copy;
}

static struct str_list one_name(const char *name, struct arena *a)
{
	struct str_list list = { .items = arena_new_array(a, char *, 1), .count = 1 };

	list.items[0] = arena_strdup(a, name);
	return list;
}

/* seccomp(2) where its flags ask for a listener (`asks`), or where they do not. */
static struct oci_seccomp_rule of_listener(bool asks, enum oci_seccomp_action action,
					   struct arena *a)
{
	struct oci_seccomp_rule rule = { .names = one_name("seccomp", a), .action = action };

	rule.args.items = arena_new_array(a, struct oci_seccomp_arg, 1);
	rule.args.count = 1;
	rule.args.items[0] = (struct oci_seccomp_arg){
		.index = 1, .value = SECCOMP_FILTER_FLAG_NEW_LISTENER,
		.value_two = asks ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0,
		.op = OCI_OP_MASKED_EQ };
	if (asks)
		rule.errno_ret = (struct opt_u32){ true, EPERM };
	return rule;
}

/* What the rules said of seccomp(2) without conditions; the default when they did not. */
static enum oci_seccomp_action action_of_seccomp(const struct oci_seccomp *rules)
{
	for (size_t i = 0; i < rules->rules.count; i++)
		if (!rules->rules.items[i].args.count &&
		    is_among("seccomp", &rules->rules.items[i].names))
			return rules->rules.items[i].action;
	return rules->default_action;
}

/* Rules that allow all: also for the other architectures that this machine runs. */
static void allow_all(struct oci_seccomp *rules, struct arena *a)
{
	static const uint32_t tokens[] = {
#if defined(__x86_64__)
		SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32,
#elif defined(__aarch64__)
		SCMP_ARCH_AARCH64, SCMP_ARCH_ARM,
#endif
	};

	*rules = (struct oci_seccomp){ .set = true, .default_action = OCI_SECCOMP_ALLOW };
	rules->architectures.items = arena_new_array(a, uint32_t, ARRAY_LEN(tokens));
	memcpy(rules->architectures.items, tokens, sizeof(tokens));
	rules->architectures.count = ARRAY_LEN(tokens);
}

int seccomp_watch(struct oci_seccomp *rules, const struct str_list *calls, const char *path,
		  struct arena *a, struct err *e)
{
	struct str_list taken = { .items = arena_new_array(a, char *, calls->count + 1) };
	struct oci_seccomp_rule *items;
	enum oci_seccomp_action before;
	size_t count = 0;

	if (check_calls(calls, a, e) < 0)
		return -1;
	if (rules->listener_path)
		return err_set(e, ERR_CONFIG, "linux.seccomp.listenerPath: the policy of this "
			       "container has a watcher, and a filter has one listener");
	if (!rules->set)
		allow_all(rules, a);
	for (size_t i = 0; i < calls->count; i++)
		taken.items[taken.count++] = calls->items[i];
	taken.items[taken.count++] = arena_strdup(a, "seccomp");
	before = action_of_seccomp(rules);
	items = arena_new_array(a, struct oci_seccomp_rule, rules->rules.count + OWN_RULES);
	items[count++] = (struct oci_seccomp_rule){ .names = *calls,
						    .action = OCI_SECCOMP_NOTIFY };
	if (!is_among("seccomp", calls)) {
		items[count++] = of_listener(true, OCI_SECCOMP_ERRNO, a);
		items[count++] = of_listener(false, before, a);
	}
	for (size_t i = 0; i < rules->rules.count; i++) {
		items[count] = without(&rules->rules.items[i], &taken, a);
		count += items[count].names.count > 0;
	}
	rules->rules.items = items;
	rules->rules.count = count;
	rules->listener_path = arena_strdup(a, path);
	/* Otherwise freezing takes the question back, and it is asked again after the thaw. */
	rules->killable = true;
	return 0;
}

void seccomp_learn(struct oci_seccomp *rules, const char *path, struct arena *a)
{
	struct oci_seccomp_rule *all = arena_new(a, struct oci_seccomp_rule);

	allow_all(rules, a);
	all->action = OCI_SECCOMP_NOTIFY;
	all->names.items = arena_new_array(a, char *, NUMBERS_MAX);
	for (int number = 0; number < NUMBERS_MAX; number++) {
		const char *name = seccomp_call_name(seccomp_arch_native(), number, a);

		if (!(*name >= '0' && *name <= '9') && !is_needed(name))
			all->names.items[all->names.count++] = arena_strdup(a, name);
	}
	rules->rules.items = all;
	rules->rules.count = 1;
	rules->listener_path = arena_strdup(a, path);
}

const char *seccomp_call_name(uint32_t audit_arch, int number, struct arena *a)
{
	auto_free char *name = seccomp_syscall_resolve_num_arch(audit_arch, number);

	return name ? arena_strdup(a, name) : arena_printf(a, "%d", number);
}
