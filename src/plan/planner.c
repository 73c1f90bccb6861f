/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. How the planner refuses, warns and gives reasons, and the few things about texts and paths
 * that more than one of its files needs.
 */
#include "plan/planner.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

char *plan_at(const struct planner *p, const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	text = arena_vprintf(p->a, format, ap);
	va_end(ap);
	return text;
}

/* "config.json:12: linux.sysctl", without the line where none is known. */
static char *place(const struct planner *p, unsigned line, const char *member)
{
	if (!line)
		return plan_at(p, "%s: %s", p->name, member);
	return plan_at(p, "%s:%u: %s", p->name, line, member);
}

int plan_refuse(struct planner *p, unsigned line, const char *member, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)err_setv(p->e, ERR_CONFIG, format, ap);
	va_end(ap);
	return err_in(p->e, "%s", place(p, line, member));
}

void plan_warn(struct planner *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	plan_push_str(p->a, p->warnings, arena_vprintf(p->a, format, ap));
	va_end(ap);
}

void plan_because_of(struct planner *p, unsigned line, const char *member, const char *fact, ...)
{
	va_list ap;

	if (!p->explain)
		return;
	va_start(ap, fact);
	LIST_PUSH(p->a, p->plan->reasons, { .fact = arena_vprintf(p->a, fact, ap),
					    .because = place(p, line, member) });
	va_end(ap);
}

void plan_because(struct planner *p, const char *cause, const char *fact, ...)
{
	va_list ap;

	if (!p->explain)
		return;
	va_start(ap, fact);
	LIST_PUSH(p->a, p->plan->reasons, { .fact = arena_vprintf(p->a, fact, ap),
					    .because = cause });
	va_end(ap);
}

const char *plan_word(struct arena *a, const char *s)
{
	struct text t = TEXT_IN(a);
	const char *c;

	for (c = s; *c > ' ' && *c < 0x7f && *c != '"' && *c != '#' && *c != '\\'; c++)
		;
	if (*s && !*c)
		return s;
	text_json(&t, s);
	return text_get(&t);
}

void *plan_list_grow(struct arena *a, void *items, size_t count, size_t size)
{
	void *more;

	if (count & (count - 1))
		return items;
	if (count == 1)		/* the first allocation had room for two */
		return items;
	more = arena_array(a, count ? count * 2 : 2, size);
	if (count)
		memcpy(more, items, count * size);
	return more;
}

void plan_push_str(struct arena *a, struct str_list *list, const char *s)
{
	LIST_ADD(a, *list, (char *)(uintptr_t)s);
}

char *plan_path_clean(struct arena *a, const char *path, bool absolute)
{
	char *clean = arena_alloc(a, strlen(path) + 2);
	char *end = clean;

	absolute = absolute || *path == '/';
	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len && !(len == 1 && *path == '.')) {
			if (absolute || end > clean)
				*end++ = '/';
			memcpy(end, path, len);
			end += len;
		}
		path += len;
	}
	if (end == clean)
		*end++ = absolute ? '/' : '.';
	*end = '\0';
	return clean;
}

bool plan_path_climbs(const char *path)
{
	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += len;
	}
	return false;
}

char *plan_path_lexical(struct arena *a, const char *path)
{
	char *clean = plan_path_clean(a, path, true);
	char *from = clean, *to = clean;

	while (*from) {
		size_t len = 1 + strcspn(from + 1, "/");

		if (len == 3 && from[1] == '.' && from[2] == '.') {
			while (to > clean && *--to != '/')
				;
		} else {
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	if (to == clean)
		*to++ = '/';
	*to = '\0';
	return clean;
}

char *plan_path_below(struct arena *a, const char *base, const char *path)
{
	if (*path == '/')
		return plan_path_clean(a, path, true);
	return plan_path_clean(a, arena_printf(a, "%s/%s", base, path), true);
}

bool plan_has_control(const char *s, bool tabs)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < 0x20 && !(tabs && c == '\t')) || c == 0x7f)
			return true;
	}
	return false;
}

bool plan_has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (words && *words) {
		size_t next;

		words += strspn(words, " ");
		next = strcspn(words, " ");
		if (next == len && memcmp(words, word, len) == 0)
			return len > 0;
		words += next;
	}
	return false;
}

const struct plan_namespace *plan_find_namespace(const struct plan *plan, enum oci_ns type)
{
	for (size_t i = 0; i < plan->namespaces.count; i++) {
		if (plan->namespaces.items[i].type == type)
			return &plan->namespaces.items[i];
	}
	return NULL;
}
