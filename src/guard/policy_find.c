/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Where policies come from. A file of the host may say everything. Annotations come
 * with a container, perhaps from whoever wants it to run, so they can only make it stricter, and a
 * hook in them is one of the programs that the host keeps for that: they name what may be run as
 * root, not whatever they like.
 */
#include "orlop/policy.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "config.h"
#include "json/doc.h"
#include "orlop/auto.h"
#include "orlop/state.h"

enum { POLICY_MAX = 1 << 20, NAME_LEN_MAX = 64 };

static const char every[] = "default";

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len && len <= NAME_LEN_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* 0; 1 when there is no such policy; -1. */
static int read_named(const char *name, struct arena *a, struct policy *ret, struct err *e)
{
	static const char *const places[] = { ORLOP_POLICY_DIR, ORLOP_PROFILE_DIR "/remediation" };
	/* What is for every container is for the host to say; none is shipped under that name. */
	size_t count = strcmp(name, every) == 0 ? 1 : ARRAY_LEN(places);

	for (size_t i = 0; i < count; i++) {
		const char *path = arena_printf(a, "%s/%s.json", places[i], name);
		size_t len;
		char *text = file_read_path(path, POLICY_MAX, a, &len);

		if (text)
			return policy_read(path, text, len, a, ret, e);
		if (errno != ENOENT)
			return err_sys(e, "remediation policy \"%.200s\"", path);
	}
	return 1;
}

static int add_named(const char *name, struct arena *a, struct policy *p, struct err *e)
{
	struct policy more;
	int found = is_name(name) ? read_named(name, a, &more, e) : 1;

	if (found < 0)
		return -1;
	if (found > 0) {
		err_set(e, ERR_CONFIG, "no remediation policy %s", text_quote(a, name, 64));
		return err_hint(e, "policies are %s/NAME.json", ORLOP_POLICY_DIR);
	}
	policy_add(p, &more, a);
	return 0;
}

/* ---- annotations ---- */

/* A member of a policy that is one word. */
static int add_word(const char *member, const char *value, struct arena *a, struct policy *p,
		    struct err *e)
{
	struct text document = TEXT_IN(a);
	struct policy more;

	text_printf(&document, "{\"%s\":", member);
	text_json(&document, value);
	text_puts(&document, "}");
	if (policy_read("annotation", text_get(&document), document.len, a, &more, e) < 0)
		return -1;
	if (more.on_kill == POLICY_KILL_AT_ONCE)
		return err_set(e, ERR_POLICY, "only a policy of the host can keep a kill from taking "
			       "evidence");
	policy_add(p, &more, a);
	return 0;
}

static bool is_of_host(const char *path)
{
	static const char place[] = ORLOP_HOOK_DIR "/";
	struct stat st;

	return strncmp(path, place, strlen(place)) == 0 && !strchr(path + strlen(place), '/') &&
	       lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static int add_hooks(const char *value, struct arena *a, struct policy *p, struct err *e)
{
	const char *document = arena_printf(a, "{\"hooks\":%s}", value);
	struct policy more;

	if (policy_read("annotation", document, strlen(document), a, &more, e) < 0)
		return -1;
	for (int i = 0; i < POLICY_MOMENT_COUNT_; i++)
		for (size_t k = 0; k < more.hooks[i].count; k++)
			if (!is_of_host(more.hooks[i].items[k].path)) {
				err_set(e, ERR_POLICY, "%s: %s is none of the host's hooks",
					policy_moment_word((enum policy_moment)i),
					text_quote(a, more.hooks[i].items[k].path, 80));
				return err_hint(e, "an annotation may run files of %s that belong to "
						"root; a policy may run any", ORLOP_HOOK_DIR);
			}
	policy_add(p, &more, a);
	return 0;
}

static int add_annotation(const char *word, const char *value, struct arena *a, struct policy *p,
			  struct err *e)
{
	static const struct {
		const char *word, *member;
	} words[] = { { "pause", "pause" }, { "on-kill", "onKill" }, { "network", "network" } };

	if (strcmp(word, "policy") == 0)
		return add_named(value, a, p, e);
	if (strcmp(word, "hooks") == 0)
		return add_hooks(value, a, p, e);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(word, words[i].word) == 0)
			return add_word(words[i].member, value, a, p, e);
	err_set(e, ERR_CONFIG, "not known");
	return err_hint(e, "there are policy, pause, on-kill, network, hooks");
}

int policy_resolve(const struct pair_list *annotations, struct arena *a, struct policy *ret,
		   bool *ret_any, struct err *e)
{
	struct policy p = { .description = NULL };
	int found = read_named(every, a, &p, e);

	if (found < 0)
		return -1;
	*ret_any = found == 0;
	for (size_t i = 0; i < annotations->count; i++) {
		const struct oci_pair *pair = &annotations->items[i];
		size_t len = strlen(POLICY_ANNOTATION);

		if (strncmp(pair->key, POLICY_ANNOTATION, len) != 0)
			continue;
		if (add_annotation(pair->key + len, pair->value, a, &p, e) < 0)
			return err_in(e, "annotation \"%.80s\"", pair->key);
		*ret_any = true;
	}
	*ret = p;
	return 0;
}

int policy_load(int dir, struct arena *a, struct policy *ret, struct err *e)
{
	struct policy p = { .description = NULL };
	size_t len;
	char *text = state_read_file(dir, POLICY_FILE, POLICY_MAX, a, &len);

	*ret = p;
	if (!text && errno == ENOENT)
		return 0;
	if (!text)
		return err_sys(e, "read the container's remediation policy");
	if (policy_read(POLICY_FILE, text, len, a, &p, e) < 0)
		return -1;
	*ret = p;
	return 0;
}
