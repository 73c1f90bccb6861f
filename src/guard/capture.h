/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What the stages of taking evidence share, and the stages themselves. A stage reads
 * from /proc and from directories of the host, never through anything that the container could
 * answer late: pages that are not there are not asked for, and file systems in user space or on
 * the network are left out, and said to be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guard/core.h"
#include "guard/sink.h"
#include "orlop/evidence.h"
#include "orlop/state.h"

struct capture_thread {
	struct core_thread core;
	const char *comm, *wchan, *syscall, *stack;
	char state;
};

struct capture_process {
	pid_t pid, ppid, inner;		/* inner: its number in its own pid namespace */
	int proc;			/* directory below /proc; -1 when it was gone */
	const char *comm, *exe;
	char state;
	uint32_t uid, gid;
	uint64_t start;			/* in clock ticks since the boot */
	uint64_t arguments[2], environment[2];	/* where they are in memory */
	struct capture_thread *threads;
	size_t thread_count;
	struct core_bytes cmdline;
	uint64_t netns;
	bool still;			/* frozen, as far as can be seen */
};

struct capture_problem {
	const char *where, *what;
};

struct capture {
	const struct evidence_options *options;
	struct arena *arena;
	struct sink *sink;
	const char *id;
	int dir;			/* the container's state directory */
	bool known;			/* there is a record */
	bool making;			/* there is none yet, and no root of its own, perhaps */
	struct state_record record;
	int group;			/* its cgroup, or -1 */
	const char *cgroup;
	bool frozen_before, frozen;	/* asked for before us; confirmed by the kernel */
	bool rings;			/* somebody has an io_uring: memory may change all the same */
	struct capture_process *processes;
	size_t process_count;
	struct {
		struct capture_problem *items;
		size_t count, room;
	} problems;
	uint64_t more_problems;
	/* What became of criu's images; result NULL: none were wanted. */
	struct {
		const char *result;	/* "taken", "failed", "not tried" */
		const char *why;	/* when they were not taken */
		bool frozen;		/* afterwards, as the kernel confirmed */
		uint64_t moved;		/* threads that are not where they were before */
	} images;
};

/* What may have changed while a file was taken; the words are explained in orlop-evidence(8). */
#define FROZEN(c) ((c)->frozen ? "frozen" : "live")
#define MEMORY(c) (!(c)->frozen ? "live" : (c)->rings ? "frozen-but-io_uring" : "frozen")
#define KERNEL "kernel"
#define SETTLED "settled"
#define INJECTED "injected"

/* Keeps a sentence about something that could not be had. */
void capture_problem(struct capture *c, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads a small file of a process; NULL when it cannot be had. */
char *capture_read(struct capture *c, int dir, const char *name, struct arena *a,
		   size_t *ret_len);

/* Finds the processes and their threads: no files are written. */
int capture_find(struct capture *c, struct err *e);

/* The stages. Each returns 0, SINK_STOPPED or -1. */
typedef int capture_stage(struct capture *c, struct err *e);
capture_stage capture_registers, capture_sockets, capture_queues, capture_tasks, capture_drift,
	capture_memory, capture_open_files, capture_temporary, capture_upper, capture_runtime,
	capture_host, capture_images;

/*
 * Writes a directory tree as one tar in the set, and adds its rows to a JSON array `list` (NULL:
 * not wanted). `whence` says in the manifest where it was.
 */
struct emit;
int capture_tree(struct capture *c, int dir, const char *path, const char *whence,
		 const char *consistency, struct emit *list, struct err *e);

/*
 * What sock_diag says of the sockets in a process's network namespace, but for the families of TCP
 * in `without` (SOCKDIAG_*), which have none: a file of the set.
 */
int capture_diag(struct capture *c, const struct capture_process *p, unsigned without,
		 struct err *e);

/* What became of criu's images, for capture.json. */
void capture_tell_images(const struct capture *c, struct emit *m);

/* Copies what a descriptor has into a file of the set; closes nothing. */
int capture_copy(struct capture *c, int fd, uint64_t size, const char *path,
		 const char *consistency, const char *source, struct err *e);
