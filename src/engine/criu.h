/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The conversation with criu(8), which reads a tree of processes out of the kernel
 * and puts it back: "criu swrk", one process for one request, spoken to over a socket of ours. It
 * does not know what a container is; what is dumped and what is allowed afterwards is decided by
 * whoever asks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

/* As the protocol counts them. */
enum criu_what { CRIU_DUMP = 1, CRIU_RESTORE = 2, CRIU_PRE_DUMP = 4 };
enum criu_cgroups {
	CRIU_CGROUPS_IGNORE = 0, CRIU_CGROUPS_SOFT = 3, CRIU_CGROUPS_FULL = 4,
	CRIU_CGROUPS_STRICT = 5,
};

/* A descriptor of ours that becomes one of a restored process; `key` is what the images call it. */
struct criu_inherit {
	const char *key;
	int fd;
};

struct criu_request {
	enum criu_what what;
	const char *program;		/* as criu_find gave it */
	int images, work;		/* directories */
	const char *log_file;		/* its name in `work` */
	int cgroup;			/* descriptor of a group to put criu into; -1: ours */
	const char *cgroup_mount;	/* of the host's cgroup2, whose options stay; or NULL */
	bool own_cgroup_ns;		/* the processes have another cgroup namespace than we */
	int network;			/* a namespace for criu to be in; -1: ours */
	pid_t pid;			/* dump: of the first process */
	const char *root;		/* of the container, as criu is to find it */
	const char *parent;		/* images of the pre-dump before, as seen from `images` */
	const char *freeze_cgroup;	/* dump: the group's directory; NULL: stopped one by one */
	const char *cgroup_path;	/* restore: in the place of the group in the images; NULL */
	const char *config_file, *lsm_profile, *lsm_mount_context;	/* or NULL */
	const char *page_server;	/* address, or NULL */
	uint16_t page_server_port;
	enum criu_cgroups cgroups;
	uint32_t empty_ns;		/* CLONE_NEW*: made, with nothing of what was in them */
	bool leave_running, ext_unix_sk, tcp_established, tcp_skip_in_flight, tcp_close, shell_job,
		file_locks, link_remap, lazy_pages, auto_dedup;
	bool no_network_lock;		/* dump: no packet filter is put into the network */
	struct pair_list mounts;	/* from outside. Dump: point, key; restore: key, source */
	struct str_list external;	/* dump: other things of the outside, as "net[4026531840]:key" */
	LIST_OF(struct criu_inherit) inherit;	/* restore: our descriptors, 0 to 2 included */
	struct pair_list join;		/* restore: kind of namespace, file */
	/*
	 * Hears of each stage while criu waits: its name, the process (0: not said), a descriptor
	 * that came with it (-1: none; closed afterwards). What does not return 0 ends the request.
	 */
	int (*stage)(void *argument, const char *name, pid_t pid, int fd, struct err *e);
	/*
	 * dump: asked ten times a second; NULL: criu may take as long as it likes. Once this is
	 * true criu cannot write any more, so that it fails and lets the processes go; should it
	 * not end by that either, its group is frozen and it is killed.
	 */
	bool (*over)(void *argument);
	void *argument;
};

/*
 * The program: `given` when that is a path, else that name, or "criu", in the directories where
 * programs are installed. NULL and *e when it is nowhere.
 */
const char *criu_find(const char *given, struct arena *a, struct err *e);

/*
 * Has a request carried out, and waits for the end of criu. On an error nothing is said about how
 * far it came: a dump that fails lets the processes go on, a restore that fails kills what it made,
 * unless criu itself was killed, as it is when a restore hangs. A restored first process is our
 * child.
 */
int criu_run(const struct criu_request *r, struct arena *a, struct err *e)
	__attribute__((warn_unused_result));

/*
 * The line of a log of criu's that says what went wrong, without time and place in the source, or
 * NULL: there is no such file, or no such line.
 */
const char *criu_log_cause(int dir, const char *name, struct arena *a);
