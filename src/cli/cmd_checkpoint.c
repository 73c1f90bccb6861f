/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop checkpoint, orlop restore.
 */
#include <string.h>

#include "cli/command.h"

/* Of other namespaces criu has no empty form; runc refuses them in the same words. */
static int criu_options(const struct command *c, struct life_criu *ret, struct err *e)
{
	const struct cli_values *v = &c->call->values;

	*ret = (struct life_criu){
		.program = v->criu, .image_path = v->image_path, .work_path = v->work_path,
		.cgroups = v->manage_cgroups_mode, .tcp_established = v->tcp_established,
		.tcp_close = v->tcp_close, .ext_unix_sk = v->ext_unix_sk,
		.shell_job = v->shell_job, .file_locks = v->file_locks,
		.lazy_pages = v->lazy_pages, .auto_dedup = v->auto_dedup,
		.empty_net = v->empty_ns.count > 0,
	};
	for (size_t n = 0; n < v->empty_ns.count; n++)
		if (strcmp(v->empty_ns.items[n], "network") != 0)
			return err_set(e, ERR_USAGE, "namespace \"%.40s\" is not supported",
				       v->empty_ns.items[n]);
	return 0;
}

int cmd_checkpoint(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct life_checkpoint x = {
		.id = c->call->operands.items[0], .parent_path = v->parent_path,
		.page_server = v->page_server,
		.status_fd = v->status_fd ? (int)v->status_fd : -1,
		.leave_running = v->leave_running, .pre_dump = v->pre_dump,
		.tcp_skip_in_flight = v->tcp_skip_in_flight, .link_remap = v->link_remap,
	};

	return criu_options(c, &x.criu, e) < 0 ? -1 : life_checkpoint(&c->life, &x, e);
}

int cmd_restore(const struct command *c, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct life_restore x = {
		.create = cmd_create_options(c),
		.lsm_profile = v->lsm_profile, .lsm_mount_context = v->lsm_mount_context,
		.unconnected = v->network != NULL,
	};

	return criu_options(c, &x.criu, e) < 0 ? -1 : life_restore(&c->life, &x, e);
}
