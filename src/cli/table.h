/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as a table: a row for each option, a struct for each command. Parser, help,
 * manual pages, shell completion and the hint after a mistyped word are readings of it. It does
 * not know what the commands do. PURE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/oci_config.h"

/* Where the words of a command line end up. One struct for all commands: names mean the same. */
struct cli_values {
	/* before the command */
	bool debug, systemd_cgroup, show_version;
	const char *root, *log, *log_format, *cgroup_manager, *rootless, *criu;

	/* everywhere */
	bool help;

	/* create, run, exec, plan */
	const char *bundle, *config, *console_socket, *pidfd_socket, *pid_file;
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
	uint32_t preserve_fds;

	/* exec */
	const char *process, *cwd, *user, *process_label, *apparmor;
	struct str_list env, additional_gids, caps, cgroups;
	bool tty, no_new_privs, ignore_paused;

	/* pause, quarantine; 0: not given */
	uint32_t timeout_ms;

	/* checkpoint, restore; status_fd: 0: not given */
	const char *image_path, *work_path, *parent_path, *page_server, *manage_cgroups_mode,
		*lsm_profile, *lsm_mount_context, *network;
	struct str_list empty_ns;
	uint32_t status_fd;
	bool leave_running, pre_dump, tcp_established, tcp_close, tcp_skip_in_flight, link_remap,
		ext_unix_sk, shell_job, file_locks, lazy_pages, auto_dedup;

	/* quarantine, release */
	bool frozen, observe, sever;
	struct str_list allow;
	const char *reason;

	/* update; text as it was given, "" counts as not given */
	const char *resources, *memory, *memory_reservation, *memory_swap, *kernel_memory,
		*kernel_memory_tcp, *cpu_share, *cpu_quota, *cpu_period, *cpu_burst, *cpu_idle,
		*cpu_rt_period, *cpu_rt_runtime, *cpuset_cpus, *cpuset_mems, *pids_limit,
		*blkio_weight, *l3_cache_schema, *mem_bw_schema;

	/* events */
	const char *interval;
	bool stats;

	/* evidence */
	const char *output, *mem, *fs, *budget;
	bool queues, criu_images;

	/* drift */
	bool strict;

	/* profile */
	const char *add;

	/* respond */
	const char *rules;
	struct str_list roots;
	bool dry_run, routine;
	const char *older_than;

	/* the rest */
	bool all, force, regex, quiet, explain, json, rootless_spec;
	const char *format, *profile;
};

enum cli_type {
	CLI_FLAG,	/* bool: given or not; --flag=false is understood */
	CLI_PATH,	/* a file name, not empty; the last one counts */
	CLI_DIR,	/* as CLI_PATH, a directory: completion offers nothing else */
	CLI_WORD,	/* any text, or one of `words`; the last one counts */
	CLI_NUM,	/* uint32_t: decimal digits, at most `max` */
	CLI_LIST,	/* str_list: each one counts, commas are not separators */
	CLI_TYPE_COUNT_
};

/* The values that a word may have. */
enum cli_words {
	CLI_ANY_WORD,
	CLI_LOG_FORMATS,
	CLI_MANAGERS,
	CLI_ROOTLESS_WORDS,
	CLI_LIST_FORMATS,
	CLI_PLAN_FORMATS,
	CLI_MEMORY_WORDS,
	CLI_FS_WORDS,
	CLI_CGROUPS_MODES,
	CLI_NETWORKS,
	CLI_WORDS_COUNT_
};

/* Its texts are in the row, not behind pointers, which the loader would relocate at every start. */
struct cli_option {
	char letter;			/* 0: only the long name */
	char name[27];			/* "" ends a table */
	char argument[16];		/* what help calls the value; "" for flags */
	enum cli_type type : 16;
	uint16_t offset;		/* in struct cli_values */
	char help[144];			/* lower case, no full stop, says what happens */
	bool hidden;			/* understood for the sake of callers, not shown */
	enum cli_words words : 8;
	uint32_t max;
	char refusal[40];		/* what to say about other values; ends in ": ": plus the value */
};

/* The values allowed, ending in NULL; or NULL: any. */
const char *const *cli_words(const struct cli_option *option);

enum cli_id {
	CLI_CREATE,
	CLI_START,
	CLI_RUN,
	CLI_STATE,
	CLI_KILL,
	CLI_DELETE,
	CLI_LIST_CONTAINERS,
	CLI_PS,
	CLI_EXEC,
	CLI_PAUSE,
	CLI_RESUME,
	CLI_UPDATE,
	CLI_EVENTS,
	CLI_CHECKPOINT,
	CLI_RESTORE,
	CLI_QUARANTINE,
	CLI_RELEASE,
	CLI_EVIDENCE,
	CLI_DRIFT,
	CLI_RESPOND,
	CLI_AUDIT,
	CLI_PROFILE,
	CLI_SPEC,
	CLI_FEATURES,
	CLI_PLAN,
	CLI_DOCTOR,
	CLI_HELP,
	CLI_FACTS,
	CLI_WATCH,
	CLI_COMPLETION,
	CLI_ID_COUNT_
};

/* What completion offers for the first word after the options. */
enum cli_operand {
	CLI_NOTHING,
	CLI_CONTAINER,
	CLI_COMMAND_NAME,
	CLI_SHELL_NAME,
};

enum { CLI_ANY_NUMBER = -1 };

struct cli_command {
	const char *name;
	const char *operands;		/* "ID", "ID [SIGNAL]", or "" */
	const char *summary;		/* as an option's help */
	const char *about;		/* a paragraph for --help: plain sentences */
	const struct cli_option *options;	/* end with a row whose name is NULL */
	enum cli_operand operand;
	int min, max;			/* how many operands; max may be CLI_ANY_NUMBER */
	bool stops;			/* options end at the first operand: the rest is a program's */
	bool hidden;
	const char *prefix;		/* in front of its errors, or NULL */
	bool prefix_named;		/* and in front of that the program's name */
	int failure;			/* exit status when it could not be done */
};

/* All commands, indexed by enum cli_id: in the order in which a container meets them. */
extern const struct cli_command cli_commands[CLI_ID_COUNT_];

/* The options before the command. */
extern const struct cli_option cli_global_options[];

/* The option every command has. */
extern const struct cli_option cli_help_option;

/* The shells that completion is written for, ending in NULL. */
extern const char *const cli_shells[];

/* The command of that name, or NULL. */
const struct cli_command *cli_command_find(const char *name);

/*
 * The option of that name, one letter or long, among the command's and --help; without a command
 * among those before it. `len` is the length of the name. NULL when there is none.
 */
const struct cli_option *cli_option_find(const struct cli_command *command, const char *name,
					 size_t len);

/* The visible long name nearest to a mistyped one, or NULL. */
const char *cli_option_nearest(const struct cli_command *command, const char *name, size_t len);

/* The visible command nearest to a mistyped one, or NULL. */
const char *cli_command_nearest(const char *name);
