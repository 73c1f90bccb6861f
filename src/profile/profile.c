/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a hardening profile. Only what it says is read here; how it tightens a plan is decided
 * in plan/harden.c.
 */
#include "orlop/profile.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "json/bind.h"
#include "oci/tables.h"
#include "oci/words.h"

enum { PROFILE_MAX = 1 << 20 };

/* Unlike in a configuration, an unknown capability is an error: it was to be taken away. */
static int read_drop(const struct binding *b, const struct node *n, void *field)
{
	uint64_t *caps = field, number;

	if (n->type != NODE_ARRAY)
		return doc_err_type(b->doc, n, b->e, "an array");
	for (const struct node *child = n->first; child; child = child->next) {
		if (bind_word(b, child, words_capabilities, "capability", &number))
			return -1;
		*caps |= UINT64_C(1) << number;
	}
	return 0;
}

static const struct bind profile_rows[] = {
	B_STR(struct profile, description, "description", B_REQUIRED | B_ONE_LINE),
	B_OBJECT(struct profile, seccomp, "seccomp", struct oci_seccomp, oci_seccomp_rows),
	B_BOOL(struct profile, no_new_privileges, "no_new_privileges"),
	B_CUSTOM(struct profile, drop_capabilities, "drop_capabilities", uint64_t, read_drop),
	B_STRS(struct profile, masked_paths, "masked_paths", B_ABSOLUTE),
	B_STRS(struct profile, readonly_paths, "readonly_paths", B_ABSOLUTE),
	B_REFUSE_UNKNOWN("member of a profile"),
	B_END
};

int profile_read(const char *name, const char *text, size_t len, struct arena *a,
		 struct profile *ret, struct err *e)
{
	struct profile profile = { .name = name };
	struct binding b = { .arena = a, .e = e };
	auto_doc d = DOC_NONE;

	if (doc_read(arena_printf(a, "profile %s", name), text, len, a, &d, e))
		return -1;
	b.doc = &d;
	if (bind_read(&b, d.root, profile_rows, &profile))
		return -1;
	*ret = profile;
	return 0;
}

int profile_load(const char *path, struct arena *a, const struct profile **ret, struct err *e)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t name_len = strlen(base), len;
	struct profile *profile = arena_new(a, struct profile);
	char *text = file_read_path(path, PROFILE_MAX, a, &len);

	if (!text)
		return err_sys(e, "profile %s", text_quote(a, path, 80));
	if (name_len > 5 && strcmp(base + name_len - 5, ".json") == 0)
		name_len -= 5;
	if (profile_read(arena_strndup(a, base, name_len), text, len, a, profile, e))
		return -1;
	*ret = profile;
	return 0;
}
