/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The planner knows more properties (src/plan/cgroup_systemd.c); here are those of the
 * limits that a quarantine changes, so that it works when nothing can be planned any more.
 */
#include "guard/unit.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "guard/limits.h"
#include "orlop/auto.h"
#include "orlop/host_facts.h"

enum { USEC_PER_SEC = 1000000, QUOTA_STEP_USEC = 10000 };

static uint64_t number_of(const char *text, char **end)
{
	if (strncmp(text, "max", 3) != 0)
		return strtoull(text, end, 10);
	*end = (char *)(uintptr_t)(text + 3);
	return UINT64_MAX;
}

/* systemd keeps whole percents of a processor: what it cannot keep is rounded up, as at create. */
static size_t put_quota(const char *value, struct plan_unit_property ret[2])
{
	char *end;
	uint64_t quota = number_of(value, &end);
	uint64_t period = *end == ' ' ? strtoull(end + 1, NULL, 10) : 0;
	uint64_t per_second = UINT64_MAX;

	if (!period)
		return 0;
	if (quota != UINT64_MAX) {
		if (__builtin_mul_overflow(quota, USEC_PER_SEC, &per_second))
			return 0;
		per_second = (per_second + period - 1) / period + QUOTA_STEP_USEC - 1;
		per_second = per_second / QUOTA_STEP_USEC * QUOTA_STEP_USEC;
	}
	ret[0] = (struct plan_unit_property){ .name = "CPUQuotaPerSecUSec", .type = 't',
					      .number = per_second };
	ret[1] = (struct plan_unit_property){ .name = "CPUQuotaPeriodUSec", .type = 't',
					      .number = period };
	return 2;
}

size_t unit_properties(const char *file, const char *value, struct plan_unit_property ret[2])
{
	char *end;

	if (strcmp(file, "cpu.max") == 0)
		return put_quota(value, ret);
	if (strcmp(file, "pids.max") != 0 && strcmp(file, "memory.high") != 0)
		return 0;
	ret[0] = (struct plan_unit_property){
		.name = strcmp(file, "pids.max") == 0 ? "TasksMax" : "MemoryHigh", .type = 't',
		.number = number_of(value, &end),
	};
	/* It takes no TasksMax of 0, so it has another for a group that had that before. */
	return *value && !*end && (ret[0].number || *file != 'p');
}

static const char *names(const struct pair_list *values, struct arena *a)
{
	struct text t = TEXT_IN(a);

	for (size_t i = 0; i < values->count; i++)
		text_printf(&t, "%s%s", i ? ", " : "", values->items[i].key);
	return text_get(&t);
}

enum { NO_UNIT = 1 };

static int tell(const struct plan_cgroup *plan, struct arena *a, struct err *e)
{
	auto_systemd s = SYSTEMD_NONE;

	if (systemd_open(host_systemd_is_users(), UNIT_MS, a, &s, e) < 0)
		return -1;
	/* Only from here on does ENOENT speak of the unit. */
	if (systemd_set_properties(&s, plan, e) == 0)
		return 0;
	return e->code == ENOENT ? NO_UNIT : -1;
}

/* It has written the files itself; and may have read its units just before it was told. */
static void settle(const struct held *h, const struct pair_list *values, struct arena *a,
		   struct guard_mechanism *line)
{
	for (size_t i = 0; i < values->count; i++) {
		const char *problem = limits_hold(h->group, values->items[i].key,
						  values->items[i].value, a);

		if (!problem)
			continue;
		line->outcome = GUARD_FAILED;
		line->detail = arena_printf(a, "%s after systemd was told: %s",
					    values->items[i].key, problem);
		return;
	}
}

void unit_tell(const struct held *h, const struct pair_list *values, struct arena *a,
	       struct guard_mechanism *line)
{
	struct plan_cgroup plan = { .unit = h->unit };
	struct err e;
	int told;

	plan.properties.items = arena_new_array(a, struct plan_unit_property, 2 * values->count);
	for (size_t i = 0; i < values->count; i++)
		plan.properties.count += unit_properties(values->items[i].key,
							 values->items[i].value,
							 plan.properties.items +
							 plan.properties.count);
	*line = (struct guard_mechanism){ .name = "unit", .outcome = GUARD_UNSUPPORTED,
					  .detail = "nothing that systemd could undo" };
	if (access("/run/systemd/system", F_OK) < 0 || !plan.properties.count)
		return;
	told = tell(&plan, a, &e);
	if (told == 0) {
		line->outcome = GUARD_APPLIED;
		line->detail = arena_printf(a, "%s keeps %s", h->unit, names(values, a));
	} else if (told == NO_UNIT) {
		line->detail = arena_printf(a, "systemd knows no %s, and undoes nothing", h->unit);
	} else {
		line->outcome = GUARD_FAILED;
		line->detail = arena_printf(a, "systemd may undo %s when it reads its units anew: "
					    "%s", names(values, a), e.text);
	}
	settle(h, values, a, line);
}
