/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Hooks are carried out as they are written; what is decided here is whether they can be.
 */
#include "plan/planner.h"

#include <string.h>

static int check_hook(struct planner *p, const struct oci_hook *hook, const char *at)
{
	if (!hook->path || hook->path[0] != '/')
		return plan_refuse(p, hook->line, plan_at(p, "%s.path", at),
				   "must be an absolute path");
	if (hook->timeout.set && hook->timeout.value <= 0)
		return plan_refuse(p, hook->line, plan_at(p, "%s.timeout", at),
				   "must be greater than 0 seconds");
	if (hook->timeout.set && hook->timeout.value > INT32_MAX / 1000)
		return plan_refuse(p, hook->line, plan_at(p, "%s.timeout", at),
				   "%lld seconds are more than %d", (long long)hook->timeout.value,
				   INT32_MAX / 1000);
	for (size_t i = 0; i < hook->env.count; i++) {
		const char *equals = strchr(hook->env.items[i], '=');

		if (!equals || equals == hook->env.items[i])
			return plan_refuse(p, hook->line, plan_at(p, "%s.env[%zu]", at, i),
					   "must have the form NAME=VALUE");
	}
	return 0;
}

int plan_hooks(struct planner *p)
{
	const struct oci_hooks *h = &p->config->hooks;
	const struct {
		const char *word;
		const struct hook_list *list;
	} kinds[] = {
		{ "prestart", &h->prestart },
		{ "createRuntime", &h->create_runtime },
		{ "createContainer", &h->create_container },
		{ "startContainer", &h->start_container },
		{ "poststart", &h->poststart },
		{ "poststop", &h->poststop },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (size_t k = 0; k < kinds[i].list->count; k++) {
			const struct oci_hook *hook = &kinds[i].list->items[k];
			char *at = plan_at(p, "hooks.%s[%zu]", kinds[i].word, k);

			if (check_hook(p, hook, at))
				return -1;
			plan_because_of(p, hook->line, at, "hook %s[%zu]", kinds[i].word, k);
		}
	}
	p->plan->hooks = *h;
	return 0;
}
