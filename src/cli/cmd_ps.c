/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop ps. The table is the host's ps, called with its own options, less the lines of processes
 * that are not the container's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/command.h"
#include "cli/print.h"
#include "orlop/auto.h"

enum { OUTPUT_MAX = 64 * 1024 * 1024 };

/* The search path is ours: the caller's environment does not choose what root runs. */
static const char *const ps_programs[] = { "/usr/bin/ps", "/bin/ps" };

static int spawn_ps(char *const argv[], int out, pid_t *ret, struct err *e)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	static char *const environment[] = { path, locale, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int code = ENOENT;
	sigset_t usual;

	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);	/* which we ignore */
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	for (size_t i = 0; i < ARRAY_LEN(ps_programs) && code == ENOENT; i++)
		code = posix_spawn(ret, ps_programs[i], &actions, &attributes, argv,
				   environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (code == 0)
		return 0;
	err_sys_code(e, code, "run ps");
	return err_hint(e, "--format json needs no program");
}

/* What ps printed, and its end; a ps that fails has said why on standard error. */
static char *run_ps(char *const argv[], struct arena *a, struct err *e)
{
	int ends[2], status = 0;
	size_t len;
	char *output;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC)) {
		err_sys(e, "pipe");
		return NULL;
	}
	auto_fd int in = ends[0];
	auto_fd int out = ends[1];

	if (spawn_ps(argv, out, &pid, e))
		return NULL;
	close(take_fd(&out));
	output = fd_read_text(in, OUTPUT_MAX, a, &len);
	if (!output)
		err_sys(e, "read the output of ps");
	close(take_fd(&in));	/* so that a ps that still writes ends */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (output && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		err_set(e, ERR_SYSTEM, "ps ended with %s %d",
			WIFEXITED(status) ? "status" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		return NULL;
	}
	return output;
}

static char **ps_arguments(const struct command *c)
{
	const struct str_list *operands = &c->call->operands;
	char **argv = arena_new_array(c->arena, char *, operands->count + 2);
	size_t n = 0;

	argv[n++] = arena_strdup(c->arena, "ps");
	for (size_t i = 1; i < operands->count; i++)
		argv[n++] = operands->items[i];
	if (n == 1)
		argv[n++] = arena_strdup(c->arena, "-ef");
	return argv;
}

int cmd_ps(const struct command *c, struct err *e)
{
	const char *format = c->call->values.format;
	struct text t = TEXT_IN(c->arena);
	struct life_pids pids;
	struct life_view view;
	char *output;

	if (life_pids(&c->life, c->call->operands.items[0], c->arena, &pids, e))
		return -1;
	if (format && strcmp(format, "json") == 0) {
		print_pids_json(&t, &pids);
		return print_out(&t, e);
	}
	if (!life_state(&c->life, c->call->operands.items[0], c->arena, &view, e) &&
	    view.quarantine)
		c->life.warn(arena_printf(c->arena, "the container is in quarantine: %s",
					  view.quarantine));
	output = run_ps(ps_arguments(c), c->arena, e);
	if (!output || print_pids_table(&t, output, &pids, e))
		return -1;
	return print_out(&t, e);
}
