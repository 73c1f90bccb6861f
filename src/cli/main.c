/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main function: cleans up what it inherited, reads the command line, calls the command's
 * action, prints the one line about what went wrong, and ends with the status that runc would end
 * with. Nothing below it prints an error.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/print.h"
#include "cli/start.h"
#include "cli/version.h"
#include "orlop/auto.h"
#include "orlop/host_facts.h"

#define DEFAULT_ROOT "/run/orlop"

enum { STATUS_HELD = 4 };

/* How long systemd may take to answer, as runc has it; tests make a program with less patience. */
#ifndef SYSTEMD_MS
#define SYSTEMD_MS (30 * 1000)
#endif

static command_fn *const actions[CLI_ID_COUNT_] = {
	[CLI_CREATE] = cmd_create,
	[CLI_START] = cmd_start,
	[CLI_RUN] = cmd_run,
	[CLI_STATE] = cmd_state,
	[CLI_KILL] = cmd_kill,
	[CLI_DELETE] = cmd_delete,
	[CLI_LIST_CONTAINERS] = cmd_list,
	[CLI_PS] = cmd_ps,
	[CLI_EXEC] = cmd_exec,
	[CLI_PAUSE] = cmd_pause,
	[CLI_RESUME] = cmd_resume,
	[CLI_UPDATE] = cmd_update,
	[CLI_EVENTS] = cmd_events,
	[CLI_CHECKPOINT] = cmd_checkpoint,
	[CLI_RESTORE] = cmd_restore,
	[CLI_EVIDENCE] = cmd_evidence,
	[CLI_DRIFT] = cmd_drift,
	[CLI_AUDIT] = cmd_audit,
	[CLI_QUARANTINE] = cmd_quarantine,
	[CLI_RELEASE] = cmd_release,
	[CLI_RESPOND] = cmd_respond,
	[CLI_PROFILE] = cmd_profile,
	[CLI_SPEC] = cmd_spec,
	[CLI_FEATURES] = cmd_features,
	[CLI_PLAN] = cmd_plan,
	[CLI_DOCTOR] = cmd_doctor,
	[CLI_HELP] = cmd_help,
	[CLI_FACTS] = cmd_facts,
	[CLI_WATCH] = cmd_watch,
	[CLI_COMPLETION] = cmd_completion,
};

/* A warning about ORLOP_DEBUG also answers the question which words there are. */
static void warn_topics(const char *unknown, struct arena *a)
{
	struct text t = TEXT_IN(a);

	text_printf(&t, "ORLOP_DEBUG: unknown topic \"%.*s\", ignored; there are all",
		    (int)strcspn(unknown, ","), unknown);
	for (unsigned i = 0; i < LOG_TOPIC_COUNT_; i++)
		text_printf(&t, ", %s", log_topic_word(i));
	log_warn(text_get(&t));
}

static int open_log(const struct cli_values *v, struct arena *a, struct err *e)
{
	const char *words = getenv("ORLOP_DEBUG"), *unknown = NULL;
	bool json = v->log_format && strcmp(v->log_format, "json") == 0;
	uint32_t topics = 0;

	if (words)
		unknown = log_topics_read(words, &topics);
	log_setup(json ? LOG_JSON : LOG_TEXT, v->debug ? LOG_ALL_TOPICS : topics);
	if (v->log && log_open(v->log, e))
		return -1;
	if (unknown)
		warn_topics(unknown, a);
	return 0;
}

/* In a user namespace root is somebody else outside, who cannot write to /run. */
static bool is_real_root(void)
{
	return getauxval(AT_EUID) == 0 && host_in_first_user_ns() == 1;
}

static const char *default_root(struct arena *a)
{
	const char *own = getenv("XDG_RUNTIME_DIR");

	if (is_real_root())
		return DEFAULT_ROOT;
	/* podman as root sets it to nothing; of a user it is where logind puts it. */
	if (!own || !*own)
		return geteuid() == 0 ? DEFAULT_ROOT :
		       arena_printf(a, "/run/user/%u/orlop", (unsigned)geteuid());
	return arena_printf(a, "%s/orlop", own);
}

/* True when the path names "/" itself, whatever dots and slashes it is written with. */
static bool is_slash(const char *path)
{
	return strspn(path, "/.") == strlen(path) && !strstr(path, "...");
}

static int find_root(const struct cli_values *v, struct arena *a, struct life *life,
		     struct err *e)
{
	auto_free char *here = NULL;

	life->root_is_default = !v->root;
	life->root = v->root ? v->root : default_root(a);
	if (*life->root != '/') {
		here = getcwd(NULL, 0);
		if (!here)
			return err_sys(e, "find the current directory");
		life->root = arena_printf(a, "%s/%s", here, life->root);
	}
	if (is_slash(life->root))
		return err_set(e, ERR_USAGE, "Option --root argument should not be set to /");
	return 0;
}

static enum plan_cgroup_driver driver(const struct cli_values *v)
{
	if (v->systemd_cgroup || (v->cgroup_manager && strcmp(v->cgroup_manager, "systemd") == 0))
		return PLAN_CGROUP_SYSTEMD;
	if (v->cgroup_manager && strcmp(v->cgroup_manager, "disabled") == 0)
		return PLAN_CGROUP_DISABLED;
	return PLAN_CGROUP_CGROUPFS;
}

/* The child's steps, each with the time since the first. */
static void trace_step(const char *step, uint64_t when)
{
	static uint64_t first;

	if (!first)
		first = when;
	log_debug(LOG_CHILD, "%6llu us: %s", (unsigned long long)(when - first) / 1000, step);
}

static int act(const struct cli_call *call, unsigned listen_fds, struct arena *a, struct err *e)
{
	struct command c = { .call = call, .arena = a, .listen_fds = listen_fds };
	const struct cli_command *command = call->command;
	int status;

	c.life.cgroup_driver = driver(&call->values);
	c.life.systemd_ms = SYSTEMD_MS;
	c.life.warn = log_warn;
	c.life.trace = log_hears(LOG_CHILD) ? trace_step : NULL;
	if (find_root(&call->values, a, &c.life, e))
		return -1;
	log_debug(LOG_CLI, "%s below %s", command->name, c.life.root);
	status = actions[command - cli_commands](&c, e);
	log_debug(LOG_CLI, "%s: %s", command->name, status < 0 ? "failed" : "done");
	return status;
}

/* Sockets handed down by LISTEN_FDS belong to a container's first process. */
static unsigned inherited(const struct cli_call *call)
{
	if (call->command != &cli_commands[CLI_CREATE] && call->command != &cli_commands[CLI_RUN])
		return 0;
	return start_listen_fds();
}

/* The status of a failed command, after its one line. */
static int fail(const struct cli_call *call, struct err *e)
{
	const struct cli_command *command = call->command;

	if (command->prefix && command->prefix_named)
		err_in(e, "%s %s", call->program, command->prefix);
	else if (command->prefix)
		err_in(e, "%s", command->prefix);
	if (e->code == EMFILE)
		err_hint(e, "the caller's RLIMIT_NOFILE is lower than the forty files that may be "
			    "open at a time: see ulimit -n");
	log_error(e->text);
	log_done(false);
	/* exec's status is a contract; the others say that it is the quarantine that refuses. */
	return e->kind == ERR_HELD && command->failure == 1 ? STATUS_HELD : command->failure;
}

/* People see how it is used on standard output, the reason on standard error. */
static int refuse(const struct cli_call *call, struct arena *a, const struct err *e)
{
	struct text t = TEXT_IN(a);

	if (call->mistake == CLI_MISTAKE_COUNT)
		text_puts(&t, "Incorrect Usage.\n\n");
	else if (call->mistake == CLI_MISTAKE_OPTION)
		text_printf(&t, "Incorrect Usage: %.*s\n\n", (int)strcspn(e->text, "\n"), e->text);
	if (t.len) {
		help_usage(&t, call->program, call->command);
		text_printf(&t, "See %s%s%s --help.\n", call->program, call->command ? " " : "",
			    call->command ? call->command->name : "");
	}
	/* The reason follows, whether or not anybody reads this. */
	if (t.len && fd_write_all(STDOUT_FILENO, t.bytes, t.len))
		log_debug(LOG_CLI, "standard output is closed");
	log_error(e->text);
	log_done(false);
	return cli_mistake_status(call->mistake);
}

/* What is asked about the program itself: printed, and no container is looked at. */
static int print_about(const struct cli_call *call, struct arena *a, struct err *e)
{
	struct text t = TEXT_IN(a);

	if (call->values.show_version)
		version_print(&t, call->program);
	else
		help_print(&t, call->program, call->command);
	return print_out(&t, e);
}

int main(int argc, char **argv)
{
	auto_arena a = ARENA_NONE;
	struct cli_call call;
	struct err e, log_error_text;
	unsigned listen_fds = 0;
	bool mistaken, missing;
	int status;

	if (start_clean(&e)) {
		log_error(e.text);
		return 1;
	}
	mistaken = cli_parse(argc, argv, &a, &call, &e);
	/* Before the log is opened: it would take the number of a descriptor that is missing. */
	if (!mistaken)
		listen_fds = inherited(&call);
	missing = !mistaken && start_check_preserved(listen_fds, call.values.preserve_fds, &e);
	if (open_log(&call.values, &a, &log_error_text)) {
		log_error(log_error_text.text);
		return 1;
	}
	if (mistaken)
		return refuse(&call, &a, &e);
	if (call.values.show_version || call.values.help || !call.command) {
		if (!print_about(&call, &a, &e))
			return 0;
		log_error(e.text);
		return 1;
	}
	status = missing ? -1 : act(&call, listen_fds, &a, &e);
	if (status < 0)
		return fail(&call, &e);
	log_done(true);
	return status;
}
