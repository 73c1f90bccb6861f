/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop profile learn. The document is one that spec --profile takes; what a profile has no place
 * for, the addresses, goes to standard error, beside what the program itself writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "orlop/profile.h"

/* The profile of an earlier run: nothing but allowed names. */
static int load_earlier(const char *path, struct arena *a, const struct profile **ret,
			struct err *e)
{
	if (profile_load(path, a, ret, e) < 0)
		return -1;
	for (size_t i = 0; i < (*ret)->seccomp.rules.count; i++) {
		const struct oci_seccomp_rule *rule = &(*ret)->seccomp.rules.items[i];

		if (rule->action != OCI_SECCOMP_ALLOW || rule->args.count)
			return err_set(e, ERR_CONFIG, "%s: was not made by profile learn: it has rules "
				       "other than allowed names", path);
	}
	return 0;
}

/* The names that it allows, so that several runs come to one. */
static void add_earlier(const struct profile *earlier, struct life_learned *learned,
			struct arena *a)
{
	struct str_list calls = learned->calls;
	size_t count = calls.count;

	for (size_t i = 0; i < earlier->seccomp.rules.count; i++)
		count += earlier->seccomp.rules.items[i].names.count;
	calls.items = arena_new_array(a, char *, count);
	if (calls.count)
		memcpy(calls.items, learned->calls.items, calls.count * sizeof(*calls.items));
	for (size_t i = 0; i < earlier->seccomp.rules.count; i++) {
		const struct oci_seccomp_rule *rule = &earlier->seccomp.rules.items[i];

		for (size_t k = 0; k < rule->names.count; k++)
			calls.items[calls.count++] = rule->names.items[k];
	}
	learned->calls = calls;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void emit_words(struct emit *m, const char *key, const struct str_list *list)
{
	emit_array(m, key);
	for (size_t i = 0; i < list->count; i++)
		if (i == 0 || strcmp(list->items[i - 1], list->items[i]) != 0)
			emit_str(m, NULL, list->items[i]);
	emit_end(m);
}

static const char *document(const struct life_learned *learned, const char *id, struct arena *a)
{
	struct emit m = EMIT_IN(a, 2);

	qsort(learned->calls.items, learned->calls.count, sizeof(*learned->calls.items), compare);
	emit_object(&m, NULL);
	emit_str(&m, "description", arena_printf(a, "what %s was seen to call", id));
	emit_object(&m, "seccomp");
	emit_str(&m, "defaultAction", "SCMP_ACT_ERRNO");
	/* ENOSYS: libraries then try the older call, as they do on an older kernel. */
	emit_u64(&m, "defaultErrnoRet", ENOSYS);
	emit_words(&m, "architectures", &learned->architectures);
	emit_array(&m, "syscalls");
	emit_object(&m, NULL);
	emit_words(&m, "names", &learned->calls);
	emit_str(&m, "action", "SCMP_ACT_ALLOW");
	emit_end(&m);
	emit_end(&m);
	emit_end(&m);
	emit_end(&m);
	return emit_get(&m);
}

/* The directory that the profile is to be in, or -1. */
static int open_place(const char *path, struct arena *a, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *place = slash ? arena_strndup(a, path, (size_t)(slash - path + 1)) : ".";
	int dir = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? err_sys(e, "profile \"%.200s\"", path) : dir;
}

/* Replaced as a whole: one that is being read stays what it was. */
static int write_profile(int dir, const char *path, const char *text, struct err *e)
{
	const char *slash = strrchr(path, '/');

	if (file_replace(dir, slash ? slash + 1 : path, text, strlen(text)) < 0)
		return err_sys(e, "profile \"%.200s\"", path);
	return 0;
}

static int learn(const struct command *c, const char *id, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct life_create create = {
		.id = id, .bundle = v->bundle, .config = v->config,
	};
	const struct profile *earlier = NULL;
	struct life_learned learned;
	auto_fd int dir = -1;
	const char *text;
	int status;

	if (!v->output) {
		err_set(e, ERR_USAGE, "learn needs a place for the profile");
		return err_hint(e, "-o FILE.json");
	}
	/* Before the program runs: what it did cannot be had again. */
	dir = open_place(v->output, c->arena, e);
	if (dir < 0 || (v->add && load_earlier(v->add, c->arena, &earlier, e) < 0))
		return -1;
	status = life_learn(&c->life, &create, c->arena, &learned, e);
	if (status < 0)
		return -1;
	if (earlier)
		add_earlier(earlier, &learned, c->arena);
	text = arena_printf(c->arena, "%s\n", document(&learned, id, c->arena));
	if (write_profile(dir, v->output, text, e) < 0)
		return -1;
	fprintf(stderr, "%zu calls, %zu addresses\n", learned.calls.count, learned.addresses.count);
	for (size_t i = 0; i < learned.addresses.count; i++)
		fprintf(stderr, "%s\n", learned.addresses.items[i]);
	if (learned.more_addresses)
		fprintf(stderr, "and more\n");
	return status;
}

int cmd_profile(const struct command *c, struct err *e)
{
	const struct str_list *words = &c->call->operands;

	if (strcmp(words->items[0], "learn") != 0)
		return err_set(e, ERR_USAGE, "\"%.80s\" is not known: profile learn ID is all there is",
			       words->items[0]);
	return learn(c, words->items[1], e);
}
