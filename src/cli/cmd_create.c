/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop create.
 */
#include "cli/command.h"

struct life_create cmd_create_options(const struct command *c)
{
	const struct cli_values *v = &c->call->values;

	return (struct life_create){
		.id = c->call->operands.count ? c->call->operands.items[0] : NULL,
		.bundle = v->bundle,
		.config = v->config,
		.console_socket = v->console_socket,
		.pidfd_socket = v->pidfd_socket,
		.pid_file = v->pid_file,
		.no_pivot = v->no_pivot,
		.no_new_keyring = v->no_new_keyring,
		.preserve_fds = c->listen_fds + v->preserve_fds,
		.listen_fds = c->listen_fds,
		.detach = v->detach,
		.keep = v->keep,
		.no_subreaper = v->no_subreaper,
	};
}

int cmd_create(const struct command *c, struct err *e)
{
	struct life_create create = cmd_create_options(c);

	create.detach = true;	/* create never stays */
	return life_create(&c->life, &create, e);
}
