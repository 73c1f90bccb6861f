/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop exec. What the command line says wins over the container's configuration, unless the
 * whole process comes from a file.
 */
#include <string.h>

#include "cli/command.h"

static int read_groups(const struct command *c, struct life_exec *x, struct err *e)
{
	const struct str_list *words = &c->call->values.additional_gids;

	x->additional_gids.items = arena_new_array(c->arena, uint32_t, words->count);
	for (size_t i = 0; i < words->count; i++)
		if (cli_group(words->items[i], &x->additional_gids.items[i], e))
			return -1;
	x->additional_gids.count = words->count;
	return 0;
}

/* One path: cgroup v2 has one hierarchy, and "controller:path" names a part of v1's many. */
static int read_cgroup(const struct command *c, struct life_exec *x, struct err *e)
{
	const struct str_list *words = &c->call->values.cgroups;

	if (words->count > 1)
		return err_set(e, ERR_USAGE, "--cgroup is given %zu times; cgroup v2 takes one path",
			       words->count);
	x->cgroup = words->count ? words->items[0] : NULL;
	return 0;
}

int cmd_exec(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	const struct str_list *operands = &c->call->operands;
	struct life_exec x = {
		.id = operands->items[0],
		.process_file = v->process,
		.args = { .items = operands->items + 1, .count = operands->count - 1 },
		.env = v->env,
		.caps = v->caps,
		.cwd = v->cwd,
		.tty = v->tty,
		.detach = v->detach,
		.no_new_privs = v->no_new_privs,
		.ignore_paused = v->ignore_paused,
		.user_set = v->user,
		.console_socket = v->console_socket,
		.pidfd_socket = v->pidfd_socket,
		.pid_file = v->pid_file,
		.process_label = v->process_label,
		.apparmor = v->apparmor,
		.preserve_fds = v->preserve_fds,
	};
	int status;

	if (!x.process_file && x.args.count == 0)
		return err_set(e, ERR_USAGE, "exec args cannot be empty");
	if (v->user && cli_user(v->user, &x.uid, &x.gid, &x.gid_set, e))
		return -1;
	if (read_groups(c, &x, e) || read_cgroup(c, &x, e))
		return -1;
	status = life_exec(&c->life, &x, e);
	if (status < 0 && x.args.count && strcmp(x.args.items[0], "--") == 0)
		return err_hint(e, "\"--\" may stand before ID; what follows ID is the command");
	return status;
}
