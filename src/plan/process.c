/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. What is run and under which limits: arguments, environment, terminal, rlimits and the
 * attributes of a process that have nothing to do with who it is (identity.c).
 */
#include "plan/planner.h"

#include <string.h>

#include "base/text.h"
#include "oci/words.h"

static size_t name_len(const char *entry)
{
	return strcspn(entry, "=");
}

static bool same_name(const char *a, const char *b)
{
	size_t len = name_len(a);

	return name_len(b) == len && memcmp(a, b, len) == 0;
}

void plan_put_env(struct planner *p, struct str_list *env, const char *entry)
{
	size_t kept = 0;

	for (size_t i = 0; i < env->count; i++) {
		if (!same_name(env->items[i], entry))
			env->items[kept++] = env->items[i];
	}
	if (kept < env->count) {	/* there is room where one went */
		env->items[kept] = (char *)(uintptr_t)entry;
		env->count = kept + 1;
		return;
	}
	plan_push_str(p->a, env, entry);
}

/* Adds a name to a table with room; false when it was there. FNV-1a, linear probing. */
static bool add_name(const char **table, size_t room, const char *entry)
{
	size_t len = name_len(entry), at;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)entry[i]) * UINT64_C(0x100000001b3);
	for (at = hash % room; table[at]; at = (at + 1) % room) {
		if (same_name(table[at], entry))
			return false;
	}
	table[at] = entry;
	return true;
}

/*
 * The entries in the order of their last mention, the last value for each name. From the end, with
 * a hash table, because an environment of many thousand entries is not unusual.
 */
static void take_env(struct planner *p, const struct str_list *from, struct str_list *to)
{
	size_t room = from->count * 2 + 1, first = from->count;
	const char **seen = arena_new_array(p->a, const char *, room);
	char **kept = arena_new_array(p->a, char *, from->count + 1);

	for (size_t i = from->count; i-- > 0;) {
		if (!add_name(seen, room, from->items[i]))
			continue;
		/* An empty HOME is as good as none, and must not hide the one that is found. */
		if (strcmp(from->items[i], "HOME=") != 0)
			kept[--first] = from->items[i];
	}
	for (; first < from->count; first++)
		plan_push_str(p->a, to, kept[first]);
}

static int plan_env(struct planner *p, const struct oci_process *process,
		    struct plan_process *ret)
{
	for (size_t i = 0; i < process->env.count; i++) {
		const char *entry = process->env.items[i];
		size_t len = name_len(entry);
		char *at;

		if (entry[len] && len)
			continue;
		at = plan_at(p, "process.env[%zu]", i);
		if (!entry[len])
			return plan_refuse(p, process->line, at, "invalid environment variable: "
					   "missing '=': %s", text_quote(p->a, entry, 60));
		return plan_refuse(p, process->line, at,
				   "invalid environment variable: name cannot be empty");
	}
	take_env(p, &process->env, &ret->env);
	ret->find_home = true;
	for (size_t i = 0; i < ret->env.count && ret->find_home; i++)
		ret->find_home = strncmp(ret->env.items[i], "HOME=", 5) != 0;
	if (ret->find_home)
		plan_because(p, "default: process.env has no HOME", "home");
	return 0;
}

void plan_explain_env(struct planner *p, const struct oci_process *process,
		      const struct plan_process *made)
{
	size_t from = 0;

	/* What is left stands in the configuration's order, and is the same strings. */
	for (size_t i = 0; p->explain && i < made->env.count; i++) {
		const char *name;
		size_t k = from;

		while (k < process->env.count && process->env.items[k] != made->env.items[i])
			k++;
		if (k == process->env.count)
			continue;
		name = arena_strndup(p->a, made->env.items[i], name_len(made->env.items[i]));
		plan_because_of(p, process->line, plan_at(p, "process.env[%zu]", k), "env %s=",
				plan_word(p->a, name));
		from = k + 1;
	}
}

static int plan_terminal(struct planner *p, const struct oci_process *process,
			 struct plan_process *ret)
{
	const struct plan_options *o = p->options;

	/* runc's sentences, which engines show to their users. */
	if (o->detached && process->terminal && !o->console_socket) {
		err_set(p->e, ERR_USAGE, "cannot allocate tty if runc will detach without setting "
					 "console socket");
		return err_hint(p->e, "give --console-socket, or set process.terminal to false");
	}
	if (o->console_socket && !(o->detached && process->terminal)) {
		err_set(p->e, ERR_USAGE,
			"cannot use console socket if runc will not detach or allocate tty");
		return err_hint(p->e, process->terminal ? "run without --detach uses the caller's "
							  "own terminal" :
							  "there is no terminal: process.terminal "
							  "is false, or --tty is missing");
	}
	if (!process->terminal)
		return 0;
	ret->terminal = true;
	ret->console_height = (uint16_t)process->console_size.height;
	ret->console_width = (uint16_t)process->console_size.width;
	plan_because_of(p, process->line, "process.terminal", "terminal");
	return 0;
}

static int plan_rlimits(struct planner *p, const struct oci_process *process,
			struct plan_process *ret)
{
	for (size_t i = 0; i < process->rlimits.count; i++) {
		const struct oci_rlimit *r = &process->rlimits.items[i];
		const char *word = names_word(words_rlimits, (uint64_t)r->resource);
		char *at = plan_at(p, "process.rlimits[%zu]", i);

		if (r->soft > r->hard)
			return plan_refuse(p, r->line, plan_at(p, "%s.soft", at),
					   "%llu is more than hard, %llu",
					   (unsigned long long)r->soft,
					   (unsigned long long)r->hard);
		LIST_PUSH(p->a, ret->rlimits, { .resource = r->resource, .soft = r->soft,
						.hard = r->hard });
		plan_because_of(p, r->line, at, "rlimit %s ", word);
	}
	return 0;
}

static int plan_command(struct planner *p, const struct oci_process *process,
			struct plan_process *ret)
{
	if (!process->args.count)
		return plan_refuse(p, process->line, "process.args", "args must not be empty");
	/* For the directory that exec was given; the reader has seen to the document's. */
	if (process->cwd[0] != '/')
		return plan_refuse(p, process->line, "process.cwd", "Cwd must be an absolute path");
	ret->args = process->args;
	ret->cwd = process->cwd;
	plan_because_of(p, process->line, "process.args", "args");
	plan_because_of(p, process->line, "process.cwd", "cwd");
	return 0;
}

int plan_process_into(struct planner *p, const struct oci_process *process,
		      struct plan_process *ret)
{
	const struct opt_i64 *oom = &process->oom_score_adj;

	if (plan_command(p, process, ret) || plan_terminal(p, process, ret) ||
	    plan_env(p, process, ret) || plan_identity(p, process, ret) ||
	    plan_rlimits(p, process, ret) || plan_process_labels(p, process, ret))
		return -1;
	ret->oom_score_adj = *oom;
	if (oom->set)
		plan_because_of(p, process->line, "process.oomScoreAdj", "oom-score-adj");
	ret->no_new_privs = process->no_new_privileges;
	if (ret->no_new_privs)
		plan_because_of(p, process->line, "process.noNewPrivileges", "no-new-privileges");
	else
		plan_because(p, "default: process.noNewPrivileges is not set", "no-new-privileges");
	ret->new_keyring = !p->options->no_new_keyring;
	if (ret->new_keyring)
		plan_because(p, "default: the caller's session keyring is not shared", "keyring");
	else
		plan_because(p, "option --no-new-keyring", "keyring");
	plan_harden_process(p, ret);
	return 0;
}

int plan_process(const struct oci_process *process, const char *name,
		 const struct plan_options *options, const struct host_facts *facts,
		 const struct oci_linux *linux, bool in_user_ns, struct arena *a,
		 struct plan_process *ret, struct str_list *warnings, struct err *e)
{
	struct planner p = { .name = name, .options = options, .facts = facts, .a = a,
			     .warnings = warnings, .in_user_ns = in_user_ns, .e = e };
	struct plan_process made = { 0 };

	if (plan_process_into(&p, process, &made) ||
	    plan_schedule(&p, process, linux, true, &made))
		return -1;
	*ret = made;
	return 0;
}
