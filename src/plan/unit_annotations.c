/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Annotations org.systemd.property.NAME: properties of the scope that the configuration has
 * no member for. An engine may pass them on from whoever writes a pod, so there is a list of what
 * may be set, each with its type: nothing that names a program, a user, a path or another unit, and
 * nothing that the configuration has decided already.
 */
#include <string.h>

#include "base/text.h"
#include "plan/planner.h"

#define PREFIX "org.systemd.property."

/* Of type i there are only signals: Podman sets KillSignal in each container. */
enum { SIGNAL_MAX = 64 };

static const struct allowed {
	const char *name;
	char type;
	const char *words;	/* of a text that is not free: separated by spaces */
} allowed[] = {
	{ "CPUQuotaPerSecUSec",		't' },
	{ "CPUWeight",			't' },
	{ "CollectMode",		's', "inactive inactive-or-failed" },
	{ "DefaultDependencies",	'b' },
	{ "Description",		's' },
	{ "IOWeight",			't' },
	{ "KillSignal",			'i' },
	{ "ManagedOOMMemoryPressure",	's', "auto kill" },
	{ "ManagedOOMMemoryPressureLimit", 'u' },
	{ "ManagedOOMPreference",	's', "none avoid omit" },
	{ "ManagedOOMSwap",		's', "auto kill" },
	{ "MemoryHigh",			't' },
	{ "MemoryLow",			't' },
	{ "MemoryMax",			't' },
	{ "MemoryMin",			't' },
	{ "MemorySwapMax",		't' },
	{ "OOMPolicy",			's', "continue stop kill" },
	{ "RuntimeMaxUSec",		't' },
	{ "StartupCPUWeight",		't' },
	{ "StartupIOWeight",		't' },
	{ "TasksMax",			't' },
	{ "TimeoutStopUSec",		't' },
};

/* Those that the driver sets as a matter of course may be set otherwise. */
static bool is_decided(const struct plan_cgroup *c, const char *name)
{
	if (strcmp(name, "Description") == 0 || strcmp(name, "CollectMode") == 0 ||
	    strcmp(name, "DefaultDependencies") == 0)
		return false;
	for (size_t i = 0; i < c->properties.count; i++)
		if (strcmp(c->properties.items[i].name, name) == 0)
			return true;
	return false;
}

/* A number as GVariant's text form has it: digits, in front of them perhaps their type. */
static bool read_number(const char *text, uint64_t max, uint64_t *ret)
{
	static const char *const types[] = { "uint64 ", "int64 ", "uint32 ", "int32 " };
	uint64_t value = 0;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strncmp(text, types[i], strlen(types[i])) == 0) {
			text += strlen(types[i]);
			break;
		}
	}
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	}
	*ret = value;
	return value <= max;
}

/* A text in quotes of either kind, without escapes; NULL when it is not one. */
static char *read_text(struct arena *a, const char *text)
{
	size_t len = strlen(text);
	char *inner;

	if (len < 2 || (*text != '\'' && *text != '"') || text[len - 1] != *text)
		return NULL;
	inner = arena_strndup(a, text + 1, len - 2);
	return strpbrk(inner, "'\"\\") || plan_has_control(inner, false) ? NULL : inner;
}

static bool read_value(struct planner *p, const struct allowed *row, const char *text,
		       bool seconds, struct plan_unit_property *ret)
{
	switch (row->type) {
	case 'b':
		ret->number = strcmp(text, "true") == 0;
		return ret->number || strcmp(text, "false") == 0;
	case 's':
		ret->text = read_text(p->a, text);
		return ret->text && (!row->words || plan_has_word(row->words, ret->text));
	case 'i':
		return read_number(text, SIGNAL_MAX, &ret->number) && ret->number > 0;
	default:
		if (!read_number(text, row->type == 'u' ? UINT32_MAX : UINT64_MAX, &ret->number))
			return false;
		return !seconds || !__builtin_mul_overflow(ret->number, 1000000, &ret->number);
	}
}

static const char *type_words(char type)
{
	switch (type) {
	case 'b':
		return "true or false";
	case 'i':
		return "a signal's number";
	case 's':
		return "a text in quotes";
	default:
		return "a number";
	}
}

static int plan_one(struct planner *p, const char *key, const char *value)
{
	unsigned line = p->config->lines.annotations;
	const char *name = key + strlen(PREFIX);
	char *at = plan_at(p, "annotations[\"%.80s\"]", key);
	size_t len = strlen(name);
	/* "XSec" is "XUSec" in seconds, as unit files have it. */
	bool seconds = len > 3 && strcmp(name + len - 3, "Sec") == 0 &&
		       (len < 4 || name[len - 4] != 'U');
	const char *real = seconds ? plan_at(p, "%.*sUSec", (int)(len - 3), name) : name;

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		struct plan_unit_property u = { .name = allowed[i].name, .type = allowed[i].type };

		if (strcmp(allowed[i].name, real) != 0)
			continue;
		if (is_decided(&p->plan->cgroup, real))
			return plan_refuse(p, line, at, "the configuration has decided this already");
		if (!read_value(p, &allowed[i], value, seconds, &u)) {
			(void)plan_refuse(p, line, at, "%s is not %s that it takes",
					  text_quote(p->a, value, 80), type_words(u.type));
			return allowed[i].words ? err_hint(p->e, "one of: %s", allowed[i].words) : -1;
		}
		plan_put_property(p, &p->plan->cgroup, &u, at);
		return 0;
	}
	(void)plan_refuse(p, line, at, "may not be set by an annotation");
	return err_hint(p->e, "what would start programs, name paths or touch other units may not");
}

int plan_unit_annotations(struct planner *p)
{
	const struct pair_list *all = &p->config->annotations;

	for (size_t i = 0; i < all->count; i++) {
		if (strncmp(all->items[i].key, PREFIX, strlen(PREFIX)) == 0 &&
		    plan_one(p, all->items[i].key, all->items[i].value))
			return -1;
	}
	return 0;
}
