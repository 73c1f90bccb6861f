/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting the lines, in the order in which a person would look.
 */
#include "host/probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "host/probe_parts.h"

enum { FILE_MAX = 1024 * 1024 };

static void add(struct probe *p, enum probe_grade grade, const char *topic, const char *advice,
		const char *format, va_list ap)
{
	struct probe_report *r = &p->report;
	char found[512];

	if (r->count == p->room) {
		size_t room = p->room ? p->room * 2 : 32;
		struct probe_line *items = arena_new_array(p->arena, struct probe_line, room);

		if (r->count)
			memcpy(items, r->items, r->count * sizeof(*items));
		r->items = items;
		p->room = room;
	}
	vsnprintf(found, sizeof(found), format, ap);
	r->items[r->count++] = (struct probe_line){
		.grade = grade, .topic = topic, .advice = advice,
		.found = arena_strdup(p->arena, found),
	};
	r->notes += grade == PROBE_NOTE;
	r->bad += grade == PROBE_BAD;
}

void probe_ok(struct probe *p, const char *topic, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(p, PROBE_OK, topic, NULL, format, ap);
	va_end(ap);
}

void probe_not(struct probe *p, enum probe_grade grade, const char *topic, const char *advice,
	       const char *format, ...)
{
	va_list ap;

	BUG_ON(grade == PROBE_OK || !advice);
	va_start(ap, format);
	add(p, grade, topic, advice, format, ap);
	va_end(ap);
}

const char *probe_file(struct probe *p, const char *path)
{
	size_t len;
	char *text = file_read_path(path, FILE_MAX, p->arena, &len);

	if (text && len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return text;
}

bool probe_has_word(const char *list, const char *word, const char *separators)
{
	size_t wanted = strlen(word);

	while (*list) {
		size_t len = strcspn(list, separators);

		if (len == wanted && memcmp(list, word, len) == 0)
			return true;
		list += len;
		list += strspn(list, separators);
	}
	return false;
}

int probe_in_child(int (*attempt)(void *argument), void *argument)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return errno;
	if (pid == 0)		/* errno values are below 134, an exit status holds them */
		_exit(attempt(argument) == 0 ? 0 : errno);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

const char *probe_grade_word(enum probe_grade grade)
{
	static const char *const words[PROBE_GRADE_COUNT_] = {
		[PROBE_OK] = "ok",
		[PROBE_NOTE] = "note",
		[PROBE_BAD] = "bad",
	};

	return words[grade];
}

void probe_host(struct arena *a, struct probe_report *ret)
{
	struct probe p = { .arena = a };

	probe_kernel(&p);
	probe_system(&p);
	probe_namespaces(&p);
	probe_mounts(&p);
	probe_cgroups(&p);
	probe_user(&p);
	*ret = p.report;
}
