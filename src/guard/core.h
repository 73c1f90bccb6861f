/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an ELF core file: what the kernel would have written, made from what was read. PURE.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"

/* A register set as PTRACE_GETREGSET gave it; len 0: it could not be had. */
struct core_bytes {
	void *bytes;
	size_t len;
};

struct core_thread {
	pid_t tid;
	struct core_bytes general, floating, extended;
};

struct core_map {
	uint64_t start, end, offset;
	unsigned flags;			/* PF_R, PF_W, PF_X */
	const char *name;		/* of a file; NULL otherwise */
};

/* A stretch of memory that goes into the file; `zero`: known to be zeros, takes no room. */
struct core_load {
	uint64_t start, end;
	unsigned flags;
	bool zero;
};

struct core_process {
	pid_t pid, ppid;
	uint32_t uid, gid;
	char state;
	const char *comm;		/* at most 15 bytes count */
	const char *arguments;		/* with blanks between; at most 79 bytes count */
	const struct core_thread *threads;
	size_t thread_count;
	const struct core_map *maps;
	size_t map_count;
	struct core_bytes auxv;
};

/* Appends the PT_NOTE segment: the process, each thread, the auxiliary vector, the files. */
void core_notes(struct text *t, const struct core_process *p);

/*
 * Appends everything up to the first page of memory: header, program headers, the notes, padding
 * to `page`. More than 65,534 loads are counted in a section header, as the kernel does.
 */
void core_head(struct text *t, const struct core_load *loads, size_t count,
	       const struct text *notes, unsigned machine, size_t page);

/* The bytes of memory that follow the head. */
uint64_t core_memory_size(const struct core_load *loads, size_t count);
