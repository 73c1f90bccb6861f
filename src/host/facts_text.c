/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Facts as text and back: a line for each, `word value`. The text is what `orlop facts`
 * prints and what a golden case holds.
 */
#include "orlop/host_facts.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/text.h"
#include "orlop/auto.h"

enum kind { KERNEL, NUMBER, MASK32, MASK64, YES_NO, MODE, WORDS };

static const struct row {
	const char *word;
	enum kind kind;
	size_t offset;
} rows[] = {
	{ "kernel",		KERNEL,	offsetof(struct host_facts, kernel_major) },
	{ "euid",		NUMBER,	offsetof(struct host_facts, euid) },
	{ "egid",		NUMBER,	offsetof(struct host_facts, egid) },
	{ "in_user_ns",		YES_NO,	offsetof(struct host_facts, in_user_ns) },
	{ "setgroups_denied",	YES_NO,	offsetof(struct host_facts, setgroups_denied) },
	{ "net_ns_foreign",	YES_NO,	offsetof(struct host_facts, net_ns_foreign) },
	{ "systemd_user",	YES_NO,	offsetof(struct host_facts, systemd_user) },
	{ "newuidmap",		WORDS,	offsetof(struct host_facts, newuidmap) },
	{ "newgidmap",		WORDS,	offsetof(struct host_facts, newgidmap) },
	{ "cgroup_delegated",	WORDS,	offsetof(struct host_facts, cgroup_delegated) },
	{ "cgroup_mode",	MODE,	offsetof(struct host_facts, cgroup_mode) },
	{ "cgroup_mount",	WORDS,	offsetof(struct host_facts, cgroup_mount) },
	{ "cgroup_self",	WORDS,	offsetof(struct host_facts, cgroup_self) },
	{ "controllers",	WORDS,	offsetof(struct host_facts, controllers) },
	{ "hugepage_sizes",	WORDS,	offsetof(struct host_facts, hugepage_sizes) },
	{ "cap_last",		NUMBER,	offsetof(struct host_facts, cap_last) },
	{ "cap_bounding",	MASK64,	offsetof(struct host_facts, cap_bounding) },
	{ "apparmor",		YES_NO,	offsetof(struct host_facts, apparmor) },
	{ "selinux",		YES_NO,	offsetof(struct host_facts, selinux) },
	{ "time_ns",		YES_NO,	offsetof(struct host_facts, time_ns) },
	{ "seccomp_flags",	MASK32,	offsetof(struct host_facts, seccomp_flags) },
};

static const struct name modes[] = {
	{ "none", HOST_CGROUP_NONE },
	{ "pure", HOST_CGROUP_PURE },
	{ "hybrid", HOST_CGROUP_HYBRID },
	{ "", 0 }
};

static const struct name yes_no[] = { { "no", 0 }, { "yes", 1 }, { "", 0 } };

/* A whole unsigned number of at most `max`; 16 takes an "0x" in front. */
static bool read_number(const char *text, int base, uint64_t max, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, base);
	return errno == 0 && !*end && *ret <= max;
}

static bool read_kernel(const char *text, struct host_facts *f)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	f->kernel_major = (unsigned)strtoul(text, &end, 10);
	if (*end != '.' || end[1] < '0' || end[1] > '9')
		return false;
	f->kernel_minor = (unsigned)strtoul(end + 1, &end, 10);
	return !*end;
}

static bool read_value(const struct row *row, char *text, struct host_facts *f)
{
	void *to = (char *)f + row->offset;
	uint64_t n = 0;

	switch (row->kind) {
	case KERNEL:
		return read_kernel(text, f);
	case NUMBER:
	case MASK32:
		if (!read_number(text, row->kind == NUMBER ? 10 : 16, UINT32_MAX, &n))
			return false;
		*(uint32_t *)to = (uint32_t)n;
		return true;
	case MASK64:
		return read_number(text, 16, UINT64_MAX, to);
	case YES_NO:
		if (!names_find(yes_no, text, &n))
			return false;
		*(bool *)to = n != 0;
		return true;
	case MODE:
		if (!names_find(modes, text, &n))
			return false;
		*(enum host_cgroup_mode *)to = (enum host_cgroup_mode)n;
		return true;
	case WORDS:
		*(const char **)to = text;
		return true;
	}
	return false;
}

static int read_line(char *line, unsigned number, struct arena *a, struct host_facts *f,
		     struct err *e)
{
	size_t len = strcspn(line, " ");
	char *value = line + len;

	if (*value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].word, line) != 0)
			continue;
		if (read_value(&rows[i], value, f))
			return 0;
		return err_set(e, ERR_CONFIG, "facts:%u: %s: %s is not its value", number, line,
			       text_quote(a, value, 60));
	}
	return err_set(e, ERR_CONFIG, "facts:%u: unknown word %s", number, text_quote(a, line, 60));
}

int host_facts_read(const char *text, struct arena *a, struct host_facts *ret, struct err *e)
{
	struct host_facts f = { 0 };
	unsigned number = 1;

	for (; *text; number++) {
		size_t len = strcspn(text, "\n");
		char *line = arena_strndup(a, text, len);

		if (len && *line != '#' && read_line(line, number, a, &f, e))
			return -1;
		text += len + (text[len] == '\n');
	}
	*ret = f;
	return 0;
}

const char *host_facts_print(const struct host_facts *facts, struct arena *a)
{
	struct text t = TEXT_IN(a);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const void *from = (const char *)facts + rows[i].offset;

		if (rows[i].kind == WORDS && !*(const char *const *)from)
			continue;
		text_printf(&t, "%s ", rows[i].word);
		switch (rows[i].kind) {
		case KERNEL:
			text_printf(&t, "%u.%u", facts->kernel_major, facts->kernel_minor);
			break;
		case NUMBER:
			text_printf(&t, "%u", *(const uint32_t *)from);
			break;
		case MASK32:
			text_printf(&t, "0x%x", *(const uint32_t *)from);
			break;
		case MASK64:
			text_printf(&t, "0x%llx", (unsigned long long)*(const uint64_t *)from);
			break;
		case YES_NO:
			text_puts(&t, *(const bool *)from ? "yes" : "no");
			break;
		case MODE:
			text_puts(&t, names_word(modes, *(const enum host_cgroup_mode *)from));
			break;
		case WORDS:
			text_puts(&t, *(const char *const *)from);
			break;
		}
		text_add(&t, "\n", 1);
	}
	return text_get(&t);
}
