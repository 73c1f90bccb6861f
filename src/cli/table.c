/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command and every option. Rows are in the order in which help shows them: what a person
 * needs first comes first, what engines pass comes after, hidden rows last.
 */
#include "cli/table.h"

#include <string.h>

#include "base/names.h"

/* The offset of a member, refused by the compiler when the member has another type. */
#define AT(member, type_) \
	(offsetof(struct cli_values, member) + \
	 0 * sizeof(_Generic(&((struct cli_values *)0)->member, type_ *: 0)))

#define FLAG(member) "", CLI_FLAG, AT(member, bool)
#define PATH(member) CLI_PATH, AT(member, const char *)
#define DIRECTORY(member) CLI_DIR, AT(member, const char *)
#define WORD(member) CLI_WORD, AT(member, const char *)
#define NUM(member) CLI_NUM, AT(member, uint32_t)
#define LIST(member) CLI_LIST, AT(member, struct str_list)
#define END { .name = "" }

const char *const cli_shells[] = { "bash", "zsh", "fish", NULL };

/* Descriptors are below fs.nr_open, and its default is already more than anybody hands down. */
enum { MOST_PRESERVED = 1048576 };

const struct cli_option cli_help_option = {
	'h', "help", FLAG(help), "say how the command is used",
};

const struct cli_option cli_global_options[] = {
	{ 0, "root", "DIR", DIRECTORY(root),
	  "keep the containers' state in DIR instead of /run/orlop" },
	{ 0, "log", "FILE", PATH(log),
	  "append log records to FILE instead of writing them to standard error" },
	{ 0, "log-format", "FORMAT", WORD(log_format),
	  "write log records as text or as json", .words = CLI_LOG_FORMATS,
	  .refusal = "invalid log-format: " },
	{ 0, "debug", FLAG(debug), "log what is done, with the place in the source" },
	{ 0, "systemd-cgroup", FLAG(systemd_cgroup),
	  "let systemd make the cgroup; cgroupsPath then reads slice:prefix:name" },
	{ 0, "cgroup-manager", "MANAGER", WORD(cgroup_manager),
	  "make cgroups by cgroupfs or systemd, or none when disabled", .words = CLI_MANAGERS,
	  .refusal = "invalid cgroup-manager: " },
	/* containerd 1.6 and 1.7 pass it when it is in their configuration. */
	{ 0, "criu", "FILE", PATH(criu),
	  "run FILE for checkpoint and restore instead of the criu that is installed" },
	{ 'v', "version", FLAG(show_version), "print the version and those of what it is made of" },
	{ 'h', "help", FLAG(help), "say how the program is used" },
	/* Found out without being told: whether there is a right to make cgroups. */
	{ 0, "rootless", "WHEN", WORD(rootless), "accepted; the program finds out by itself",
	  .hidden = true, .words = CLI_ROOTLESS_WORDS, .refusal = "invalid rootless value: " },
	END
};

/* Rows that several commands have. */

#define ROW_BUNDLE \
	{ 'b', "bundle", "DIR", DIRECTORY(bundle), \
	  "find config.json in DIR instead of the current directory" }
#define ROW_CONFIG \
	{ 'f', "config", "FILE", PATH(config), \
	  "read the configuration from FILE instead of config.json in the bundle" }
#define ROW_PID_FILE \
	{ 0, "pid-file", "FILE", PATH(pid_file), "write the process id to FILE" }
#define ROW_CONSOLE_SOCKET \
	{ 0, "console-socket", "SOCKET", PATH(console_socket), \
	  "send the terminal's master descriptor to the unix socket SOCKET" }
#define ROW_PIDFD_SOCKET \
	{ 0, "pidfd-socket", "SOCKET", PATH(pidfd_socket), \
	  "send a descriptor for the process to the unix socket SOCKET" }
#define ROW_PRESERVE_FDS \
	{ 0, "preserve-fds", "N", NUM(preserve_fds), \
	  "hand the N descriptors from 3 on (after LISTEN_FDS) to the process", \
	  .max = MOST_PRESERVED }
#define ROW_NO_PIVOT \
	{ 0, "no-pivot", FLAG(no_pivot), \
	  "change the root by moving its mount, for a rootfs on an initial ramdisk" }
#define ROW_NO_NEW_KEYRING \
	{ 0, "no-new-keyring", FLAG(no_new_keyring), \
	  "leave the process in the caller's session keyring" }
#define ROW_DETACH(what) \
	{ 'd', "detach", FLAG(detach), what }

static const struct cli_option create_options[] = {
	ROW_BUNDLE,
	ROW_CONFIG,
	ROW_PID_FILE,
	ROW_CONSOLE_SOCKET,
	ROW_PIDFD_SOCKET,
	ROW_PRESERVE_FDS,
	ROW_NO_PIVOT,
	ROW_NO_NEW_KEYRING,
	END
};

static const struct cli_option run_options[] = {
	ROW_BUNDLE,
	ROW_CONFIG,
	ROW_DETACH("return when the program runs, and leave the container behind"),
	{ 0, "keep", FLAG(keep), "do not delete the container when its program has ended" },
	ROW_PID_FILE,
	ROW_CONSOLE_SOCKET,
	ROW_PIDFD_SOCKET,
	ROW_PRESERVE_FDS,
	{ 0, "no-subreaper", FLAG(no_subreaper),
	  "do not adopt the processes that the container's program leaves behind" },
	ROW_NO_PIVOT,
	ROW_NO_NEW_KEYRING,
	END
};

static const struct cli_option kill_options[] = {
	/* runc's old way of reaching all processes; SIGKILL does that today. */
	{ 'a', "all", FLAG(all), "make it no error when the container does not run",
	  .hidden = true },
	END
};

static const struct cli_option delete_options[] = {
	{ 'f', "force", FLAG(force),
	  "kill the container if it runs; one that is not there is no error" },
	{ 'r', "regex", FLAG(regex),
	  "take ID for an extended regular expression, and delete all whose name it matches" },
	END
};

static const struct cli_option list_options[] = {
	{ 'f', "format", "FORMAT", WORD(format), "print a table or json", .words = CLI_LIST_FORMATS,
	  .refusal = "invalid format option" },
	{ 'q', "quiet", FLAG(quiet), "print the names alone" },
	END
};

static const struct cli_option ps_options[] = {
	{ 'f', "format", "FORMAT", WORD(format), "print a table or json", .words = CLI_LIST_FORMATS,
	  .refusal = "invalid format option" },
	END
};

static const struct cli_option exec_options[] = {
	{ 't', "tty", FLAG(tty), "give the process a terminal" },
	ROW_DETACH("return when the process runs"),
	{ 'e', "env", "NAME=VALUE", LIST(env),
	  "add NAME to the process's environment; may be repeated" },
	{ 0, "cwd", "DIR", WORD(cwd), "start the process in DIR, a path of the container" },
	{ 'u', "user", "UID[:GID]", WORD(user), "run the process as these ids" },
	{ 'g', "additional-gids", "GID", LIST(additional_gids),
	  "add the process to the group GID; may be repeated" },
	{ 'c', "cap", "NAME", LIST(caps),
	  "add a capability to the process's bounding, effective and permitted sets; may be repeated" },
	{ 0, "no-new-privs", FLAG(no_new_privs), "let the process gain no privilege by exec" },
	{ 'p', "process", "FILE", PATH(process),
	  "take the process from FILE, a JSON document, and nothing of it from the command line" },
	ROW_PID_FILE,
	ROW_CONSOLE_SOCKET,
	ROW_PIDFD_SOCKET,
	ROW_PRESERVE_FDS,
	{ 0, "process-label", "LABEL", WORD(process_label),
	  "run the process under the SELinux label LABEL" },
	{ 0, "apparmor", "PROFILE", WORD(apparmor),
	  "run the process under the AppArmor profile PROFILE" },
	{ 0, "cgroup", "PATH", LIST(cgroups),
	  "put the process into the cgroup PATH below the container's" },
	{ 0, "ignore-paused", FLAG(ignore_paused),
	  "start the process in a paused container as well; it waits for resume" },
	END
};

static const struct cli_option update_options[] = {
	{ 'r', "resources", "FILE", PATH(resources),
	  "take all limits from FILE, the linux.resources of a configuration, or from standard input "
	  "when it is -; other options are then ignored" },
	{ 0, "memory", "SIZE", WORD(memory),
	  "limit memory to SIZE bytes; K, M, G and T are understood, -1 is no limit" },
	{ 0, "memory-reservation", "SIZE", WORD(memory_reservation),
	  "keep SIZE of the container's memory from being reclaimed" },
	{ 0, "memory-swap", "SIZE", WORD(memory_swap),
	  "limit memory and swap together to SIZE" },
	{ 0, "pids-limit", "N", WORD(pids_limit), "limit the processes to N, -1 is no limit" },
	{ 0, "cpu-share", "SHARES", WORD(cpu_share),
	  "give a part of the processor beside other containers; 1024 is what each has" },
	{ 0, "cpu-quota", "USEC", WORD(cpu_quota),
	  "let the container run for USEC of each period, -1 is no limit" },
	{ 0, "cpu-period", "USEC", WORD(cpu_period), "make that period USEC long" },
	{ 0, "cpu-burst", "USEC", WORD(cpu_burst),
	  "let USEC that were not used be used later, beyond the quota" },
	{ 0, "cpu-idle", "WHETHER", WORD(cpu_idle),
	  "with 1 let the container run only when nobody else wants to" },
	{ 0, "cpuset-cpus", "LIST", WORD(cpuset_cpus), "run on these processors, like 0-2,5" },
	{ 0, "cpuset-mems", "LIST", WORD(cpuset_mems), "take memory of these nodes" },
	{ 0, "blkio-weight", "WEIGHT", WORD(blkio_weight),
	  "give a part of the disks' time, from 10 to 1000" },
	{ 0, "cpu-rt-period", "USEC", WORD(cpu_rt_period),
	  "refused unless it is 0: cgroup v2 has no such limit" },
	{ 0, "cpu-rt-runtime", "USEC", WORD(cpu_rt_runtime),
	  "refused unless it is 0: cgroup v2 has no such limit" },
	{ 0, "l3-cache-schema", "SCHEMA", WORD(l3_cache_schema),
	  "let the container use this part of the last cache, like L3:0=f0 (Intel RDT)" },
	{ 0, "mem-bw-schema", "SCHEMA", WORD(mem_bw_schema),
	  "let it use this much of the memory's bandwidth, like MB:0=20 (Intel RDT)" },
	/* Of cgroup v1; runc warns and goes on. */
	{ 0, "kernel-memory", "SIZE", WORD(kernel_memory), "ignored with a warning",
	  .hidden = true },
	{ 0, "kernel-memory-tcp", "SIZE", WORD(kernel_memory_tcp), "ignored with a warning",
	  .hidden = true },
	END
};

static const struct cli_option events_options[] = {
	{ 0, "interval", "TIME", WORD(interval),
	  "print the counters every TIME, like 5s or 100ms; every 5s without it" },
	{ 0, "stats", FLAG(stats), "print the counters once and end" },
	END
};

/* Rows that checkpoint and restore have. */
#define ROWS_CRIU_DIRECTORIES(what) \
	{ 0, "image-path", "DIR", DIRECTORY(image_path), what " DIR instead of ./checkpoint" }, \
	{ 0, "work-path", "DIR", DIRECTORY(work_path), \
	  "keep criu's log and sockets in DIR instead of beside the images" }
#define ROWS_CRIU_SOCKETS(established) \
	{ 0, "tcp-established", FLAG(tcp_established), established }, \
	{ 0, "tcp-close", FLAG(tcp_close), "close established TCP connections" }, \
	{ 0, "ext-unix-sk", FLAG(ext_unix_sk), \
	  "allow unix sockets that are connected to somebody outside" }
#define ROWS_CRIU_REST \
	{ 0, "shell-job", FLAG(shell_job), "allow a terminal of the caller's" }, \
	{ 0, "file-locks", FLAG(file_locks), "keep the locks that are held on files" }, \
	{ 0, "manage-cgroups-mode", "MODE", WORD(manage_cgroups_mode), \
	  "keep the cgroups below the container's: soft, full, strict or ignore", \
	  .words = CLI_CGROUPS_MODES, .refusal = "invalid manage-cgroups-mode value: " }, \
	{ 0, "empty-ns", "NAMESPACE", LIST(empty_ns), \
	  "leave out what is in the namespace; network is the one there is" }, \
	{ 0, "auto-dedup", FLAG(auto_dedup), \
	  "drop memory from images when newer ones, or processes, have it" }

static const struct cli_option checkpoint_options[] = {
	ROWS_CRIU_DIRECTORIES("write the images to"),
	{ 0, "leave-running", FLAG(leave_running), "let the container go on afterwards" },
	{ 0, "pre-dump", FLAG(pre_dump),
	  "write memory alone and let the container go on; a later checkpoint needs what changed" },
	{ 0, "parent-path", "DIR", PATH(parent_path),
	  "build on the pre-dump in DIR, relative to that of the images" },
	ROWS_CRIU_SOCKETS("keep established TCP connections"),
	{ 0, "tcp-skip-in-flight", FLAG(tcp_skip_in_flight),
	  "leave out TCP connections that are being made" },
	{ 0, "link-remap", FLAG(link_remap), "keep open files that have no name any more" },
	ROWS_CRIU_REST,
	{ 0, "lazy-pages", FLAG(lazy_pages),
	  "serve memory to whoever restores, at the address of --page-server" },
	{ 0, "status-fd", "FD", NUM(status_fd),
	  "write a NUL to the descriptor FD when lazy pages can be asked for",
	  .max = MOST_PRESERVED },
	{ 0, "page-server", "ADDRESS:PORT", WORD(page_server),
	  "send memory to the criu page-server there instead of writing it" },
	END
};

static const struct cli_option restore_options[] = {
	ROW_BUNDLE,
	ROW_CONFIG,
	ROWS_CRIU_DIRECTORIES("read the images from"),
	ROW_DETACH("return when the processes run, and leave the container behind"),
	{ 0, "network", "WHICH", WORD(network),
	  "with none, give it a network with nothing in it, whatever it had", .words = CLI_NETWORKS,
	  .refusal = "invalid network: " },
	ROW_PID_FILE,
	ROW_CONSOLE_SOCKET,
	{ 0, "no-subreaper", FLAG(no_subreaper),
	  "do not adopt the processes that the container's program leaves behind" },
	ROWS_CRIU_SOCKETS("put established TCP connections back"),
	ROWS_CRIU_REST,
	{ 0, "lazy-pages", FLAG(lazy_pages),
	  "fetch memory when it is needed, from the criu lazy-pages of the work directory" },
	{ 0, "lsm-profile", "TYPE:NAME", WORD(lsm_profile),
	  "run the processes under that profile (apparmor) or label (selinux)" },
	{ 0, "lsm-mount-context", "LABEL", WORD(lsm_mount_context),
	  "mount file systems with the SELinux label LABEL" },
	/* Of the making of a first process; criu changes the root in its own way. */
	{ 0, "no-pivot", FLAG(no_pivot), "accepted; criu finds out by itself", .hidden = true },
	{ 0, "no-new-keyring", FLAG(no_new_keyring), "accepted; keyrings are not in images",
	  .hidden = true },
	END
};

static const struct cli_option spec_options[] = {
	{ 'b', "bundle", "DIR", DIRECTORY(bundle),
	  "write config.json into DIR instead of the current directory" },
	{ 0, "profile", "NAME", WORD(profile),
	  "take the system call filter from the profile NAME, or ./FILE, instead of default" },
	{ 0, "rootless", FLAG(rootless_spec), "write it for a user without privileges" },
	END
};

static const struct cli_option plan_options[] = {
	ROW_BUNDLE,
	ROW_CONFIG,
	{ 0, "format", "FORMAT", WORD(format), "print text or json", .words = CLI_PLAN_FORMATS,
	  .refusal = "invalid format option" },
	{ 0, "explain", FLAG(explain),
	  "say with each fact which member, profile or default caused it" },
	ROW_NO_PIVOT,
	ROW_NO_NEW_KEYRING,
	END
};

static const struct cli_option doctor_options[] = {
	{ 0, "json", FLAG(json), "print json for programs" },
	END
};

static const struct cli_option evidence_options[] = {
	{ 'o', "output", "FILE", PATH(output),
	  "write to a new directory, to a tar when the name ends so, or to - for standard output" },
	{ 0, "mem", "WHICH", WORD(mem),
	  "take all memory, anon (without pages of files) or none", .words = CLI_MEMORY_WORDS,
	  .refusal = "invalid memory: " },
	{ 0, "fs", "WHICH", WORD(fs),
	  "take upper, the files that were changed or are temporary, or none", .words = CLI_FS_WORDS,
	  .refusal = "invalid fs: " },
	{ 0, "sockets", FLAG(queues), "take what stands unread and unsent in sockets as well" },
	{ 0, "criu", FLAG(criu_images),
	  "at the end have criu write images as well; it runs code of its own in the container" },
	{ 0, "budget", "TIME", WORD(budget),
	  "stop after TIME (500ms, 10s, 2m) with what there is by then" },
	{ 0, "older-than", "TIME", WORD(older_than),
	  "with prune: only sets older than TIME (30d, 12h, 90m)" },
	{ 0, "routine", FLAG(routine),
	  "with prune: only sets of containers that were neither held nor alarmed about" },
	{ 0, "dry-run", FLAG(dry_run), "with prune: say which sets would go, and remove nothing" },
	END
};

static const struct cli_option pause_options[] = {
	{ 0, "timeout", "MS", NUM(timeout_ms),
	  "give up after MS milliseconds instead of 250", .max = 3600000 },
	END
};

static const struct cli_option quarantine_options[] = {
	{ 0, "frozen", FLAG(frozen), "leave the processes frozen; this is what happens by default" },
	{ 0, "observe", FLAG(observe), "let the processes go on inside the cut" },
	{ 0, "allow", "CIDR[:PORT]", LIST(allow),
	  "let packets through to and from these peers; may be repeated" },
	{ 0, "sever", FLAG(sever), "end established TCP connections, with what they still hold" },
	{ 0, "reason", "TEXT", WORD(reason), "write TEXT into the journal and into state" },
	{ 0, "timeout", "MS", NUM(timeout_ms),
	  "wait MS milliseconds instead of 250 for all to be frozen", .max = 3600000 },
	{ 0, "json", FLAG(json), "print json for programs" },
	END
};

static const struct cli_option release_options[] = {
	{ 0, "reason", "TEXT", WORD(reason), "write TEXT into the journal" },
	{ 0, "json", FLAG(json), "print json for programs" },
	END
};

static const struct cli_option drift_options[] = {
	{ 0, "json", FLAG(json), "print json for programs" },
	{ 0, "strict", FLAG(strict),
	  "count what may be harmless too: executable memory without a file, read-only mounts, "
	  "added executables that nobody runs, unexposed ports" },
	END
};

static const struct cli_option profile_options[] = {
	ROW_BUNDLE,
	ROW_CONFIG,
	{ 'o', "output", "FILE", PATH(output), "write the profile to FILE, replacing it" },
	{ 0, "add", "FILE", PATH(add), "allow what the profile FILE of an earlier run allows as well" },
	END
};

static const struct cli_option respond_options[] = {
	{ 0, "rules", "FILE", PATH(rules), "do what the rules in FILE say" },
	{ 0, "also", "DIR", LIST(roots),
	  "look for containers in DIR as well as in --root; may be repeated" },
	{ 0, "dry-run", FLAG(dry_run), "say which rule matches which container, and do nothing" },
	{ 'q', "quiet", FLAG(quiet), "say nothing of events that no rule matches" },
	END
};

static const struct cli_option audit_options[] = {
	{ 0, "json", FLAG(json), "print the lines as they are in the log" },
	END
};

static const struct cli_option no_options[] = { END };

const struct cli_command cli_commands[CLI_ID_COUNT_] = {
	[CLI_CREATE] = {
		.name = "create",
		.operands = "ID",
		.summary = "make a container whose program waits for start",
		.about = "Reads the bundle, makes the container and everything around it, and returns "
			 "when its process stands ready. The program itself runs after \"start\".",
		.options = create_options,
		.min = 1, .max = 1,
		.prefix = "create failed", .prefix_named = true,
		.failure = 1,
	},
	[CLI_START] = {
		.name = "start",
		.operands = "ID",
		.summary = "let the program of a created container run",
		.about = "A container is started once. To run its program again, delete the container "
			 "and create it anew.",
		.options = no_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_RUN] = {
		.name = "run",
		.operands = "ID",
		.summary = "create a container and start it",
		.about = "Without --detach it passes on signals and the terminal, waits for the "
			 "program, deletes the container and ends with the program's status, 128 + N "
			 "when signal N ended it.",
		.options = run_options,
		.min = 1, .max = 1,
		.prefix = "run failed", .prefix_named = true,
		.failure = 1,
	},
	[CLI_STATE] = {
		.name = "state",
		.operands = "ID",
		.summary = "print the state of a container as JSON",
		.about = "The document is the one of the OCI runtime specification. It never waits: "
			 "not for a lock, not for a frozen container.",
		.options = no_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_KILL] = {
		.name = "kill",
		.operands = "ID [SIGNAL]",
		.summary = "send a signal to a container's first process",
		.about = "SIGNAL is a number or a name, with or without SIG, in any case; without it "
			 "SIGTERM is sent. SIGKILL ends every process of a container that shares its "
			 "pid namespace with others.",
		.options = kill_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 2,
		.stops = true,
		.failure = 1,
	},
	[CLI_DELETE] = {
		.name = "delete",
		.operands = "ID...",
		.summary = "remove a container that has stopped or was never started",
		.about = "Removes its processes, its cgroup and its directory, then runs the poststop "
			 "hooks. After a crash, delete --force removes whatever was left. Of several "
			 "containers each is tried, also when one of them fails.",
		.options = delete_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = CLI_ANY_NUMBER,
		.failure = 1,
	},
	[CLI_LIST_CONTAINERS] = {
		.name = "list",
		.operands = "",
		.summary = "print all containers",
		.about = "A container that cannot be read is named on standard error and left out.",
		.options = list_options,
		.failure = 1,
	},
	[CLI_PS] = {
		.name = "ps",
		.operands = "ID [PS-OPTION]...",
		.summary = "print the processes of a container",
		.about = "The table is made by the host's ps, called with the options after ID or with "
			 "-ef; the json form is an array of the host's process ids.",
		.options = ps_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = CLI_ANY_NUMBER,
		.stops = true,
		.failure = 1,
	},
	[CLI_EXEC] = {
		.name = "exec",
		.operands = "ID COMMAND [ARGUMENT]...",
		.summary = "run one more process in a container",
		.about = "What is not said here is as in the container's configuration. Without "
			 "--detach it waits for the process and ends with its status; a failure before "
			 "the process runs is status 255.",
		.options = exec_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = CLI_ANY_NUMBER,
		.stops = true,
		.prefix = "exec failed",
		.failure = 255,
	},
	[CLI_PAUSE] = {
		.name = "pause",
		.operands = "ID",
		.summary = "freeze all processes of a container",
		.about = "Returns when the kernel says that every process is frozen. When one cannot be "
			 "frozen in time all go on, and the command fails and names it.",
		.options = pause_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_RESUME] = {
		.name = "resume",
		.operands = "ID",
		.summary = "let a paused container go on",
		.about = "The processes go on where they were frozen.",
		.options = no_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_UPDATE] = {
		.name = "update",
		.operands = "ID",
		.summary = "change the limits of a container",
		.about = "What is not said stays as it is. When a limit is refused, those that were "
			 "set before it are taken back. A paused container stays paused.",
		.options = update_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_EVENTS] = {
		.name = "events",
		.operands = "ID",
		.summary = "print what a container uses, and when it runs out of memory",
		.about = "Each event is a line of JSON. It ends when the container's last process has "
			 "ended.",
		.options = events_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_CHECKPOINT] = {
		.name = "checkpoint",
		.operands = "ID",
		.summary = "write the processes of a container to disk, and remove it",
		.about = "criu reads them out of the kernel: memory, open files, sockets, timers. When "
			 "that does not work, and with --leave-running and --pre-dump, the container "
			 "goes on.",
		.options = checkpoint_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_RESTORE] = {
		.name = "restore",
		.operands = "ID",
		.summary = "make a container out of what checkpoint wrote",
		.about = "Directory, cgroup and limits are made as create makes them, from the bundle; "
			 "then criu makes the processes. They go on only after it was read back that "
			 "they may do no more than the configuration allows. Without --detach it stays "
			 "as run does.",
		.options = restore_options,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_QUARANTINE] = {
		.name = "quarantine",
		.operands = "ID",
		.summary = "cut a container off and freeze it, and say what holds",
		.about = "Nothing more leaves or arrives, nobody executes, nothing is lost, and what "
			 "cannot be held is listed. Prints a line for each mechanism; the status is 0 "
			 "when the container is contained, 2 when it is so partially, 1 when it is not. "
			 "It may be repeated at any time; only release takes it back.",
		.options = quarantine_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_RELEASE] = {
		.name = "release",
		.operands = "ID",
		.summary = "let a container out of quarantine",
		.about = "Restores limits, devices and network as they were, then lets the processes "
			 "go on. The status is 2 when something could not be restored; the container "
			 "then stays in quarantine and release may be repeated.",
		.options = release_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_EVIDENCE] = {
		.name = "evidence",
		.operands = "ID | verify|report SET | prune DIR",
		.summary = "keep what a container is and does, check, show or remove it",
		.about = "Holds the container still, runs nothing in it, and writes registers, sockets, "
			 "processes, memory as core files, changed files and what is known of it, with "
			 "a manifest of digests. \"verify\" computes a set's digests anew; \"report\" "
			 "makes one HTML page of a directory; \"prune\" removes old sets of those that "
			 "were taken by themselves, each with a line in the audit log.",
		.options = evidence_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 2,
		.failure = 1,
	},
	[CLI_DRIFT] = {
		.name = "drift",
		.operands = "ID",
		.summary = "find what runs, or waits to run, that is not in the image",
		.about = "Looks at the program of every process and at every file that it has mapped to "
			 "execute: in the overlay's writable layer, deleted, a file in memory, on a "
			 "temporary file system or on a volume. Looks also for added files that give "
			 "privileges, which nobody runs yet, and lists listening sockets. Runs nothing "
			 "in the container. The status is 0 when there is none, 2 when there is, and 5 "
			 "when none was found and not everything could be judged.",
		.options = drift_options,
		.operand = CLI_CONTAINER,
		.min = 1, .max = 1,
		.failure = 1,
	},
	[CLI_RESPOND] = {
		.name = "respond",
		.operands = "",
		.summary = "hold containers that Falco or Tetragon raise an alarm about",
		.about = "Reads their events as lines of JSON from standard input, finds the container "
			 "that each is about, and does what the rules say: log, pause, quarantine, "
			 "evidence, kill. Writes one line of JSON for each event. Ends with its input, "
			 "or at SIGTERM when everything is done that had begun.",
		.options = respond_options,
		.failure = 1,
	},
	[CLI_AUDIT] = {
		.name = "audit",
		.operands = "[show [ID] | verify [DIGEST] | head]",
		.summary = "show what was done to containers and by whom, and check that log",
		.about = "The log has a line for each operation that holds, looks at, lets go or ends "
			 "a container that was held, alarmed about or has a policy. \"verify\" computes "
			 "its chain of digests anew and says where it breaks; \"head\" prints the "
			 "digest to keep elsewhere, which verify then takes.",
		.options = audit_options,
		.max = 2,
		.failure = 1,
	},
	[CLI_PROFILE] = {
		.name = "profile",
		.operands = "learn ID",
		.summary = "run a bundle and write a seccomp profile of what it calls",
		.about = "The bundle runs in the foreground with all system calls allowed and noted; "
			 "afterwards there is a profile that allows these and no others. Addresses that "
			 "it connected to or bound are listed on standard error. The status is that of "
			 "the program.",
		.options = profile_options,
		.min = 2, .max = 2,
		.failure = 1,
	},
	[CLI_SPEC] = {
		.name = "spec",
		.operands = "",
		.summary = "write a config.json that is safe as it stands",
		.about = "The program in it is sh. The root file system is read-only, the capabilities "
			 "are three, devices are denied and system calls are filtered. An existing "
			 "config.json is not replaced.",
		.options = spec_options,
		.failure = 1,
	},
	[CLI_FEATURES] = {
		.name = "features",
		.operands = "",
		.summary = "print as JSON what the program understands",
		.about = "The document is the one of the OCI runtime specification; engines read it to "
			 "learn what they may ask for.",
		.options = no_options,
		.failure = 1,
	},
	[CLI_PLAN] = {
		.name = "plan",
		.operands = "[ID]",
		.summary = "print what create would do, and do nothing",
		.about = "Reads the bundle and this host, decides as create does, and prints each "
			 "decision on a line. Nothing is changed.",
		.options = plan_options,
		.min = 0, .max = 1,
		.failure = 1,
	},
	[CLI_DOCTOR] = {
		.name = "doctor",
		.operands = "",
		.summary = "print what this host can and cannot do for containers",
		.about = "Each line says ok, note or bad, what was found, and, when it is not well, what "
			 "to change. The status is 1 when containers cannot be run at all.",
		.options = doctor_options,
		.failure = 1,
	},
	[CLI_HELP] = {
		.name = "help",
		.operands = "[COMMAND]",
		.summary = "say how the program or a command is used",
		.about = "The same text as --help prints.",
		.options = no_options,
		.operand = CLI_COMMAND_NAME,
		.min = 0, .max = 1,
		.failure = 1,
	},
	[CLI_FACTS] = {
		.name = "facts",
		.operands = "",
		.summary = "print what was found out about this host, as tests read it",
		.about = "With a config.json, this is a bug report that can be turned into a test.",
		.options = no_options,
		.hidden = true,
		.failure = 1,
	},
	[CLI_WATCH] = {
		.name = "watch",
		.operands = "ID",
		.summary = "watch a container for whoever made it",
		.about = "Started by create when the policy of a container asks for it, with a socket "
			 "as descriptor 3; of no use to anybody else.",
		.options = no_options,
		.min = 1, .max = 1,
		.hidden = true,
		.failure = 1,
	},
	[CLI_COMPLETION] = {
		.name = "completion",
		.operands = "SHELL",
		.summary = "print the completion script for bash, zsh or fish",
		.about = "The script is the one that is installed with the program.",
		.options = no_options,
		.operand = CLI_SHELL_NAME,
		.min = 1, .max = 1,
		.hidden = true,
		.failure = 1,
	},
};

const struct cli_command *cli_command_find(const char *name)
{
	for (unsigned i = 0; i < CLI_ID_COUNT_; i++)
		if (strcmp(cli_commands[i].name, name) == 0)
			return &cli_commands[i];
	return strcmp(name, "h") == 0 ? &cli_commands[CLI_HELP] : NULL;
}

const char *const *cli_words(const struct cli_option *option)
{
	static const char *const words[CLI_WORDS_COUNT_][5] = {
		[CLI_LOG_FORMATS] = { "text", "json" },
		[CLI_MANAGERS] = { "cgroupfs", "systemd", "disabled" },
		[CLI_ROOTLESS_WORDS] = { "auto", "true", "false" },
		[CLI_LIST_FORMATS] = { "table", "json" },
		[CLI_PLAN_FORMATS] = { "text", "json" },
		[CLI_MEMORY_WORDS] = { "all", "anon", "none" },
		[CLI_FS_WORDS] = { "upper", "none" },
		[CLI_CGROUPS_MODES] = { "soft", "full", "strict", "ignore" },
		[CLI_NETWORKS] = { "none" },
	};

	return option->words == CLI_ANY_WORD ? NULL : words[option->words];
}

static bool is_called(const struct cli_option *option, const char *name, size_t len)
{
	if (len == 1 && option->letter)
		return option->letter == *name;
	return strlen(option->name) == len && memcmp(option->name, name, len) == 0;
}

const struct cli_option *cli_option_find(const struct cli_command *command, const char *name,
					 size_t len)
{
	const struct cli_option *option = command ? command->options : cli_global_options;

	for (; option->name[0]; option++)
		if (is_called(option, name, len))
			return option;
	return command && is_called(&cli_help_option, name, len) ? &cli_help_option : NULL;
}

struct nearest {
	const char *word, *found;
	unsigned distance;		/* to beat */
	size_t prefix;			/* letters that the found one has in common, from the start */
};

static size_t common_prefix(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

/* Keeps the nearer of two words; of two as near the one that begins more like it. */
static void consider(struct nearest *n, const char *candidate)
{
	unsigned distance = names_distance(n->word, candidate, n->distance);
	size_t prefix = common_prefix(n->word, candidate);

	if (distance > n->distance || (distance == n->distance && (!n->found || prefix <= n->prefix)))
		return;
	n->distance = distance;
	n->prefix = prefix;
	n->found = candidate;
}

/* Short words must match better to be suggested. */
static struct nearest nearest_to(const char *word)
{
	return (struct nearest){ .word = word, .distance = strlen(word) < 5 ? 2 : 3 };
}

const char *cli_option_nearest(const struct cli_command *command, const char *name, size_t len)
{
	const struct cli_option *option = command ? command->options : cli_global_options;
	struct nearest n;
	char word[64];

	if (len < 2 || len >= sizeof(word))
		return NULL;
	memcpy(word, name, len);
	word[len] = '\0';
	n = nearest_to(word);
	for (; option->name[0]; option++)
		if (!option->hidden)
			consider(&n, option->name);
	consider(&n, cli_help_option.name);
	return n.found;
}

const char *cli_command_nearest(const char *name)
{
	struct nearest n = nearest_to(name);

	for (unsigned i = 0; i < CLI_ID_COUNT_; i++)
		if (!cli_commands[i].hidden)
			consider(&n, cli_commands[i].name);
	return n.found;
}
