/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Where the code of one process comes from. No file of the container is opened but
 * such in memory, and no attribute is asked of a file system that would have to ask somebody else
 * for it. Layers of the image are read where they are local.
 */
#pragma once

#include <sys/stat.h>

#include "base/mounts.h"
#include "orlop/drift.h"

/* File systems that have no mount: memory, and large pages of each size. */
enum { MEMORY_DEVICES_MAX = 6 };

/* What a container's code is measured against. */
struct code_image {
	struct arena *arena;
	struct mounts mounts;		/* of the container's first process */
	const struct mount *root;	/* that of its root; NULL: not known */
	int upper;			/* the overlay's upper directory, or -1 */
	struct str_list lowers;		/* its layers below, the topmost first */
	struct code_copies *copies;	/* what is known of files in the upper directory */
	struct code_known *known;	/* mapped files that are the image's */
	struct statx own;		/* the file that we run */
	char namespace[32];		/* of mounts, of the first process; "": not known */
	bool overlay;			/* the root is an overlay of the container's own */
	uint64_t memory[MEMORY_DEVICES_MAX];	/* the devices of files in memory */
	size_t memory_count;
	uint64_t created;		/* nanoseconds of the real time clock; 0: not known */
};

#define CODE_IMAGE_NONE ((struct code_image){ .upper = -1 })

/*
 * Learns about the image from the first process (its /proc directory) and the time of creation as
 * the record has it (NULL: not known), and adds to *d what cannot be told.
 */
void code_image_learn(struct code_image *image, int proc, const char *created, struct drift *d);

/* The part of that which is the host's: what is memory, and which file we run. */
void code_image_learn_host(struct code_image *image);

void code_image_close(struct code_image *image);

#define auto_code_image __attribute__((cleanup(code_image_close))) struct code_image

/* Adds what is found about a process to *d. */
void code_look(const struct code_image *image, pid_t pid, struct drift *d);

/* Nothing is known yet; the arena's. */
struct code_copies *code_copies_new(struct arena *a);

/* None is known yet; the arena's. */
struct code_known *code_known_new(struct arena *a);

bool code_known_has(struct code_known *known, const char *key);

/* Adds one that is not there; after too many of them nothing happens. */
void code_known_add(struct code_known *known, const char *key, struct arena *a);

/* A region of memory that can be executed. */
struct code_region {
	uint64_t start, end;
	bool writable;
	const char *file;		/* device, inode and name in one */
	const char *name;		/* a path, or anything else or nothing */
};

/* NULL: what was told so far is told again. */
typedef void code_region_fn(void *data, const struct code_region *region);

/*
 * Tells of each region of a process, by its /proc directory, but the kernel's own. 0, or -1 and
 * errno.
 */
int code_regions(int proc, code_region_fn *tell, void *data);

/* Which mount namespace a process is in, by its /proc directory; "" when it cannot be told. */
void code_namespace(int proc, char *ret, size_t size);

/* A file below a directory, without following anything: a path (O_PATH), or -1 and errno. */
int code_open_below(int dir, const char *path);

/* Whether a file is where nobody has to be asked for it. */
bool code_is_local(const struct code_image *image, int fd);

/*
 * The file that the image has under a path, of the topmost layer with its content (O_PATH); -1:
 * it is none, or the layers cannot be read.
 */
int code_open_lower(const struct code_image *image, const char *path, struct stat *ret);

/* Whether code_is_copy was asked about a file of the upper directory before and denied it. */
bool code_is_denied(const struct code_image *image, const struct stat *st);

/* Whether a file of a layer has content there, and not only other attributes. */
bool code_has_content(int fd, const struct stat *st);

/*
 * Whether a file of the upper directory is the same, byte for byte, as what the image has under its
 * path. False where that cannot be told.
 */
bool code_is_copy(const struct code_image *image, int fd, const struct stat *st, const char *path);

/* The table of mounts of a process, by its /proc directory. */
struct mounts code_mounts(int proc, struct arena *a);

/* The device of a file, as one number. */
uint64_t code_device(const struct statx *st);

/* Whether a file is in memory alone. */
bool code_in_memory(const struct code_image *image, const struct statx *st);

/*
 * Whether one of the processes is about to become a container's first: until it has a root of its
 * own it sees the files of the host. Of a container that has a record it only comes by exec.
 */
bool code_is_being_made(const pid_t *pids, size_t count);

/* What a process calls itself, by its /proc directory; in the arena. */
const char *code_name(int proc, struct arena *a);

/* Adds a finding, whose strings are the arena's. */
void code_find(struct arena *a, struct drift *d, const struct drift_finding *f);

/* Adds a sentence to one of the lists of *d. */
void code_tell(struct arena *a, struct str_list *list, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* PURE. Nanoseconds since 1970 of "2026-11-23T08:11:13.335934042Z"; 0 for anything else. */
uint64_t code_time(const char *text);
