/* SPDX-License-Identifier: Apache-2.0 */
#include "life/agent.h"

#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "json/emit.h"
#include "oci/state_doc.h"
#include "orlop/auto.h"

enum { PATIENCE_MS = 10 * 1000 };

static const char *document(const struct agent *agent, struct arena *a)
{
	const struct state_record *r = agent->record;
	struct state_doc state = {
		.oci_version = r->oci_version, .id = r->id, .pid = r->pid,
		.status = state_status_word(agent->status), .bundle = r->bundle,
		.annotations = r->annotations,
	};
	struct emit m = EMIT_IN(a, 0);

	emit_object(&m, NULL);
	emit_str(&m, "ociVersion", r->oci_version);
	emit_array(&m, "fds");
	emit_str(&m, NULL, "seccompFd");
	emit_end(&m);
	emit_i64(&m, "pid", agent->pid);
	if (agent->seccomp->listener_metadata)
		emit_str(&m, "metadata", agent->seccomp->listener_metadata);
	state_doc_put(&m, "state", &state);
	emit_end(&m);
	return emit_get(&m);
}

int agent_send(void *argument, int fd, struct err *e)
{
	const struct agent *agent = argument;
	struct timeval limit = { .tv_sec = PATIENCE_MS / 1000 };
	auto_arena a = ARENA_NONE;
	const char *text = document(agent, &a);
	auto_fd int socket = fd_connect_unix(agent->seccomp->listener_path, SOCK_STREAM,
					     PATIENCE_MS, e);

	if (socket < 0)
		return err_in(e, "failed to connect with seccomp agent specified in the seccomp "
				 "profile");
	setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (fd_send(socket, text, strlen(text), fd) < 0)
		return err_sys(e, "send the seccomp listener to \"%s\"",
			       agent->seccomp->listener_path);
	return 0;
}
