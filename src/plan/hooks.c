/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Hooks are carried out as they are written.
 */
#include "plan/planner.h"

void plan_hooks(struct planner *p)
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

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		for (size_t k = 0; k < kinds[i].list->count; k++) {
			const struct oci_hook *hook = &kinds[i].list->items[k];
			char *at = plan_at(p, "hooks.%s[%zu]", kinds[i].word, k);

			plan_because_of(p, hook->line, at, "hook %s[%zu]", kinds[i].word, k);
		}
	}
	p->plan->hooks = *h;
}
