/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The container's group in resctrl (linux.intelRdt): which one, whether it may be made, and
 * what has to stand in it. What is there is only known to the engine.
 */
#include "plan/planner.h"

#include <string.h>

void plan_rdt_of(const struct oci_intel_rdt *rdt, const char *id, struct arena *a,
		 struct plan_rdt *ret)
{
	struct plan_rdt plan = { 0 };

	if (!rdt->set) {
		*ret = plan;
		return;
	}
	plan.own = !rdt->clos_id;
	plan.group = arena_printf(a, "/%s", plan.own ? id : rdt->clos_id);
	if (!plan.own && strcmp(rdt->clos_id, "/") == 0)
		plan.group = "/";
	/* In the order in which they are written. */
	if (rdt->l3_cache_schema)
		plan_push_str(a, &plan.schemata, rdt->l3_cache_schema);
	if (rdt->mem_bw_schema)
		plan_push_str(a, &plan.schemata, rdt->mem_bw_schema);
	for (size_t i = 0; i < rdt->schemata.count; i++)
		plan_push_str(a, &plan.schemata, rdt->schemata.items[i]);
	plan.may_make = plan.own || (plan.schemata.count && plan.group[1]);
	if (rdt->enable_monitoring)
		plan.monitor = arena_printf(a, "%s/mon_groups/%s", plan.group[1] ? plan.group : "",
					    id);
	*ret = plan;
}

int plan_intel_rdt(struct planner *p)
{
	static const char *const reserved[] = { "/info", "/mon_groups", "/mon_data" };
	const struct oci_intel_rdt *rdt = &p->config->linux.intel_rdt;
	struct plan_rdt *plan = &p->plan->rdt;

	plan_rdt_of(rdt, p->options->id, p->a, plan);
	if (!plan->group)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (strcmp(plan->group, reserved[i]) == 0)
			return plan_refuse(p, rdt->line, "linux.intelRdt.closID",
					   "\"%s\" is a directory of resctrl itself",
					   plan->group + 1);
	plan_because_of(p, rdt->line, "linux.intelRdt", "resctrl ");
	for (size_t i = 0; i < plan->schemata.count; i++)
		plan_because_of(p, rdt->line, "linux.intelRdt", "resctrl-schemata ");
	if (plan->monitor)
		plan_because_of(p, rdt->line, "linux.intelRdt.enableMonitoring",
				"resctrl-monitor ");
	return 0;
}
