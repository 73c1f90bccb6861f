/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name is not a path: what would leave the data directory is no name.
 */
#include "cli/profiles.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "config.h"

enum { NAME_MAX_ = 64, PROFILE_MAX = 4 * 1024 * 1024 };

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len && len <= NAME_MAX_ &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void hint_names(struct arena *a, struct err *e)
{
	struct text names = TEXT_IN(a);

	for (const struct profile_text *p = profiles_builtin; p->name; p++)
		text_printf(&names, "%s%s", names.len ? ", " : "", p->name);
	err_hint(e, "the program has %s; others are %s/NAME.json, or any file by a path with a slash",
		 text_get(&names), ORLOP_PROFILE_DIR);
}

const char *profiles_find(const char *name, struct arena *a, struct err *e)
{
	const char *text = NULL;
	size_t len;

	for (const struct profile_text *p = profiles_builtin; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p->text;
	errno = ENOENT;
	if (is_name(name))
		text = file_read_path(arena_printf(a, "%s/%s.json", ORLOP_PROFILE_DIR, name),
				      PROFILE_MAX, a, &len);
	/* One of one's own is named by a path, which a name can not be taken for. */
	if (strchr(name, '/'))
		text = file_read_path(name, PROFILE_MAX, a, &len);
	if (text)
		return text;
	if (errno == ENOENT)
		err_set(e, ERR_USAGE, "no profile %s", text_quote(a, name, 64));
	else
		err_sys(e, "profile %s", text_quote(a, name, 64));
	hint_names(a, e);
	return NULL;
}
