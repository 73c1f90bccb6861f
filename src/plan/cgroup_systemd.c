/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The systemd cgroup driver: which unit the container is, where systemd puts its cgroup, and
 * what systemd has to know of its limits. systemd owns the files of a scope's cgroup: it writes
 * them anew on daemon-reload and whenever it likes. So everything that is written there and that
 * systemd has a property for is said to it in the same words; what it has none for it leaves alone.
 *
 * Devices are not said to it: our filter is a program of its own on the cgroup, which systemd does
 * not touch, and systemd's language for devices (names out of /proc/devices at the time of reading)
 * cannot say what a list of rules says. DevicePolicy=auto keeps its filter away.
 */
#include "plan/planner.h"

#include <string.h>

#include "base/text.h"

enum {
	UNIT_NAME_MAX = 255,
	CPUS_MAX = 8192,	/* no kernel has more */
	USUAL_WEIGHT = 100,
	QUOTA_STEP_USEC = 10000,	/* systemd keeps whole percents of a CPU */
	OOM_POLICY_SINCE = 253, CPU_IDLE_SINCE = 252, ZSWAP_SINCE = 253,
};

#define SLICE ".slice"
#define SCOPE ".scope"

void plan_put_property(struct planner *p, struct plan_cgroup *cgroup,
		       const struct plan_unit_property *property, const char *cause)
{
	for (size_t i = 0; i < cgroup->properties.count; i++) {
		if (strcmp(cgroup->properties.items[i].name, property->name) == 0) {
			cgroup->properties.items[i] = *property;
			return;
		}
	}
	LIST_ADD(p->a, cgroup->properties, *property);
	plan_because(p, cause, "unit-property %s ", property->name);
}

/* What systemd takes in a unit's name; '@' would make it an instance of a template. */
static bool is_unit_name(const char *name)
{
	static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789:-_.\\";

	return strspn(name, valid) == strlen(name) && strlen(name) <= UNIT_NAME_MAX;
}

/* "a-b.slice" is the group /a.slice/a-b.slice, "-.slice" is the root. NULL: not a slice's name. */
static char *expand_slice(struct arena *a, const char *slice)
{
	struct text t = TEXT_IN(a);
	size_t len = strlen(slice), end = sizeof(SLICE) - 1;

	if (len <= end || strcmp(slice + len - end, SLICE) != 0 || !is_unit_name(slice))
		return NULL;
	len -= end;
	if (len == 1 && *slice == '-')
		return arena_strdup(a, "");
	for (size_t i = 0; i <= len; i++) {
		if (i < len && slice[i] != '-')
			continue;
		if (i == 0 || slice[i - 1] == '-')	/* an empty part */
			return NULL;
		text_printf(&t, "/%.*s" SLICE, (int)i, slice);
	}
	return arena_strdup(a, text_get(&t));
}

static int plan_names_of(struct planner *p, const char *slice, const char *prefix,
			 const char *name)
{
	unsigned line = p->config->linux.lines.cgroups_path;
	struct plan_cgroup *c = &p->plan->cgroup;
	char *above = expand_slice(p->a, slice);
	size_t len = strlen(name);

	if (!above)
		return plan_refuse(p, line, "linux.cgroupsPath", "invalid slice name: %s",
				   text_quote(p->a, slice, 80));
	if (!*name)
		return plan_refuse(p, line, "linux.cgroupsPath", "the name of the unit is empty");
	if (len >= 6 && strcmp(name + len - 6, SLICE) == 0)
		return plan_refuse(p, line, "linux.cgroupsPath", "%s is a slice, and processes live "
				   "in scopes", text_quote(p->a, name, 80));
	c->unit = plan_at(p, "%s-%s" SCOPE, prefix, name);
	if (!is_unit_name(c->unit))
		return plan_refuse(p, line, "linux.cgroupsPath", "systemd takes no unit named %s",
				   text_quote(p->a, c->unit, 80));
	c->path = plan_at(p, "%s/%s", above, c->unit);
	plan_put_property(p, c, &(struct plan_unit_property){ .name = "Slice", .type = 's',
			  .text = slice }, "option --systemd-cgroup");
	return 0;
}

int plan_unit(struct planner *p)
{
	const char *asked = p->config->linux.cgroups_path;
	/* A user's own manager has no system.slice. */
	const char *usual = p->facts->systemd_user ? "user" SLICE : "system" SLICE;
	unsigned line = p->config->linux.lines.cgroups_path;
	char *slice, *prefix, *name;

	if (!asked) {
		plan_because(p, "default: linux.cgroupsPath is absent", "cgroup ");
		return plan_names_of(p, usual, "orlop", p->options->id);
	}
	slice = arena_strdup(p->a, asked);
	prefix = strchr(slice, ':');
	name = prefix ? strchr(prefix + 1, ':') : NULL;
	if (!name || strchr(name + 1, ':'))
		return plan_refuse(p, line, "linux.cgroupsPath", "expected cgroupsPath to be of "
				   "format \"slice:prefix:name\" for systemd cgroups, got %s instead",
				   text_quote(p->a, asked, 200));
	*prefix++ = '\0';
	*name++ = '\0';
	plan_because_of(p, line, "linux.cgroupsPath", "cgroup ");
	return plan_names_of(p, *slice ? slice : usual, prefix, name);
}

/* Digits up to `end`, which has to follow; false otherwise and beyond 64 bits. */
static bool read_number(const char **s, const char *ends, uint64_t *ret)
{
	uint64_t value = 0;
	const char *c = *s;

	for (; *c >= '0' && *c <= '9'; c++) {
		if (value > (UINT64_MAX - (uint64_t)(*c - '0')) / 10)
			return false;
		value = value * 10 + (uint64_t)(*c - '0');
	}
	if (c == *s || !strchr(ends, *c))
		return false;
	*s = c;
	*ret = value;
	return true;
}

/* "max", or a number that may have one of the kernel's suffixes. */
static bool read_size(const char *s, uint64_t *ret)
{
	static const char suffixes[] = "KMGTPE";
	const char *suffix;

	*ret = UINT64_MAX;
	if (strcmp(s, "max") == 0)
		return true;
	if (!read_number(&s, "KMGTPEkmgtpe", ret))
		return false;
	if (!*s)
		return true;
	suffix = strchr(suffixes, *s >= 'a' ? *s - 'a' + 'A' : *s);
	return !s[1] && suffix &&
	       !__builtin_mul_overflow(*ret, UINT64_C(1) << (10 * (suffix - suffixes + 1)), ret);
}

/* "0-3,5" as a mask, bit 0 of byte 0 first. Blanks and empty parts are nothing, as to the kernel. */
static bool read_mask(struct arena *a, const char *s, const unsigned char **ret, size_t *ret_len)
{
	static const char between[] = ", \t";
	unsigned char *bytes = arena_alloc(a, CPUS_MAX / 8);
	uint64_t first, last, end = 0;

	for (s += strspn(s, between); *s; s += strspn(s, between)) {
		if (!read_number(&s, "-, \t", &first))
			return false;
		last = first;
		if (*s == '-' && (s++, !read_number(&s, between, &last)))
			return false;
		if (last < first || last >= CPUS_MAX)
			return false;
		for (uint64_t n = first; n <= last; n++)
			bytes[n / 8] |= (unsigned char)(1 << n % 8);
		end = last >= end ? last + 1 : end;
	}
	*ret = bytes;
	*ret_len = (end + 7) / 8;
	return end > 0;
}

enum kind { SIZE, WEIGHT, IDLE, QUOTA, MASK, OOM_GROUP };

/* The files that systemd writes itself, and the property from which it does. */
static const struct known {
	const char *file, *property;
	enum kind kind;
	unsigned since;
} known[] = {
	{ "memory.max",		"MemoryMax",		SIZE },
	{ "memory.high",	"MemoryHigh",		SIZE },
	{ "memory.low",		"MemoryLow",		SIZE },
	{ "memory.min",		"MemoryMin",		SIZE },
	{ "memory.swap.max",	"MemorySwapMax",	SIZE },
	{ "memory.zswap.max",	"MemoryZSwapMax",	SIZE,	ZSWAP_SINCE },
	{ "memory.oom.group",	"OOMPolicy",		OOM_GROUP, OOM_POLICY_SINCE },
	{ "pids.max",		"TasksMax",		SIZE },
	{ "cpu.weight",		"CPUWeight",		WEIGHT },
	{ "cpu.idle",		"CPUWeight",		IDLE,	CPU_IDLE_SINCE },
	{ "cpu.max",		"CPUQuotaPerSecUSec",	QUOTA },
	{ "cpuset.cpus",	"AllowedCPUs",		MASK },
	{ "cpuset.mems",	"AllowedMemoryNodes",	MASK },
	{ "io.weight",		"IOWeight",		WEIGHT },
};

/*
 * systemd knows a quota as time in each second, in steps of one percent, and computes the kernel's
 * quota from that again. Rounded up to such a step, and the file's value with it, so that both
 * write the same.
 */
static bool put_quota(struct planner *p, struct plan_cgroup *c, struct plan_cgroup_write *w,
		      const char *cause)
{
	uint64_t quota = UINT64_MAX, period = 0, base, per_second = UINT64_MAX;
	bool bounded = strncmp(w->value, "max", 3) != 0;
	const char *s = w->value + (bounded ? 0 : 3);

	if (bounded && !read_number(&s, " ", &quota))
		return false;
	if (*s && (*s++ != ' ' || !read_number(&s, "", &period) || !period))
		return false;
	base = period ? period : 100000;
	if (bounded && __builtin_mul_overflow(quota, 1000000, &per_second))
		return false;
	if (bounded) {
		per_second = (per_second - 1) / base + 1;
		per_second = (per_second - 1) / QUOTA_STEP_USEC * QUOTA_STEP_USEC + QUOTA_STEP_USEC;
		quota = per_second > UINT64_MAX / base ? quota : per_second * base / 1000000;
		w->value = period ? plan_at(p, "%llu %llu", (unsigned long long)quota,
					    (unsigned long long)period) :
				    plan_at(p, "%llu", (unsigned long long)quota);
	}
	plan_put_property(p, c, &(struct plan_unit_property){ .name = "CPUQuotaPerSecUSec",
			  .type = 't', .number = per_second }, cause);
	if (period)
		plan_put_property(p, c, &(struct plan_unit_property){
				  .name = "CPUQuotaPeriodUSec", .type = 't', .number = period },
				  cause);
	return true;
}

static bool has_write(const struct plan_cgroup *c, const char *file)
{
	for (size_t i = 0; i < c->writes.count; i++)
		if (strcmp(c->writes.items[i].file, file) == 0)
			return true;
	return false;
}

/* Says one write to systemd; false when its value is nothing that systemd could be told. */
static bool put_known(struct planner *p, struct plan_cgroup *c, const struct known *k,
		      struct plan_cgroup_write *w, const char *cause)
{
	struct plan_unit_property u = { .name = k->property, .type = 't', .since = k->since };
	const char *s = w->value;

	switch (k->kind) {
	case SIZE:
		if (!read_size(s, &u.number))
			return false;
		break;
	case WEIGHT:
		s += strncmp(s, "default ", 8) == 0 ? 8 : 0;
		if (!read_number(&s, "", &u.number) || u.number < 1 || u.number > 10000)
			return false;
		break;
	case IDLE:
		if (strcmp(s, "0") != 0)
			break;			/* the weight 0 is how systemd says idle */
		/* Idle no longer: the kernel gives it the usual weight, unless another follows. */
		if (has_write(c, "cpu.weight"))
			return true;
		u.number = USUAL_WEIGHT;
		break;
	case QUOTA:
		return put_quota(p, c, w, cause);
	case MASK:
		u.type = 'y';
		if (!read_mask(p->a, s, &u.bytes, &u.len))
			return false;
		break;
	case OOM_GROUP:
		u.type = 's';
		u.text = s[strspn(s, " \t")] == '1' ? "kill" : "continue";
		break;
	}
	plan_put_property(p, c, &u, cause);
	return true;
}

/*
 * blockIO.weight is for one of two files, and systemd writes both from one number, by a line of
 * its own for BFQ. The number for which that line gives the weight asked for.
 */
static void put_io_weight(struct planner *p, struct plan_cgroup *c, struct plan_cgroup_write *w,
			  const char *cause)
{
	const char *s = w->value;
	uint64_t weight;

	if (!read_number(&s, "", &weight))	/* of one device: systemd leaves it alone */
		return;
	weight = weight <= 100 ? weight : 100 + (weight - 100) * 11;
	w->other_value = plan_at(p, "%llu", (unsigned long long)weight);
	plan_put_property(p, c, &(struct plan_unit_property){ .name = "IOWeight", .type = 't',
			  .number = weight }, cause);
}

/* `running`: of a unit that has started, for which systemd takes no other OOMPolicy. */
static int plan_unit_limits(struct planner *p, struct plan_cgroup *c, bool running)
{
	for (size_t i = 0; i < c->writes.count; i++) {
		struct plan_cgroup_write *w = &c->writes.items[i];
		const char *cause = plan_at(p, "cgroup-write %s", w->file);

		if (strcmp(w->file, "io.bfq.weight") == 0 && w->other_file)
			put_io_weight(p, c, w, cause);
		for (size_t k = 0; k < ARRAY_LEN(known); k++) {
			if (strcmp(known[k].file, w->file) != 0 || !*w->value ||
			    (running && known[k].kind == OOM_GROUP))
				continue;
			if (!put_known(p, c, &known[k], w, cause))
				return plan_refuse(p, 0, w->member, "%s is no value of %s that "
						   "systemd can be told",
						   text_quote(p->a, w->value, 80), w->file);
		}
	}
	return 0;
}

int plan_unit_update(const char *name, struct arena *a, struct plan_cgroup *cgroup, struct err *e)
{
	struct planner p = { .name = name, .a = a, .e = e };

	return plan_unit_limits(&p, cgroup, true);
}

int plan_unit_properties(struct planner *p)
{
	struct plan_cgroup *c = &p->plan->cgroup;
	const struct plan_unit_property always[] = {
		{ .name = "Description", .type = 's',
		  .text = plan_at(p, "orlop container %s", p->options->id) },
		/* Everything below the scope is the container's, and all controllers are on. */
		{ .name = "Delegate", .type = 'b', .number = true },
		{ .name = "CPUAccounting", .type = 'b', .number = true },
		{ .name = "MemoryAccounting", .type = 'b', .number = true },
		{ .name = "IOAccounting", .type = 'b', .number = true },
		{ .name = "TasksAccounting", .type = 'b', .number = true },
		/* Who ends containers at shutdown, and in which order, is the engine's business. */
		{ .name = "DefaultDependencies", .type = 'b', .number = false },
		/* A unit that failed shall not stand in the way of the next one of its name. */
		{ .name = "CollectMode", .type = 's', .text = "inactive-or-failed" },
		{ .name = "DevicePolicy", .type = 's', .text = "auto" },
	};

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		plan_put_property(p, c, &always[i], "option --systemd-cgroup");
	return plan_unit_limits(p, c, false) ? -1 : plan_unit_annotations(p);
}
