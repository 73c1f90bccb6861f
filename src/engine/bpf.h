/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The commands of bpf(2) that attach programs to a cgroup. Every call passes a whole,
 * zeroed union: a shorter one lets newer kernels write behind it (BPF_PROG_QUERY's revision), and
 * bytes left from before are refused as unknown fields.
 */
#pragma once

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Loads a program for cgroups. `name` has at most 15 bytes of [A-Za-z0-9_.]. A descriptor, or -1
 * and errno; then `log`, when it is not NULL, has the verifier's last words, terminated.
 */
int bpf_load(enum bpf_prog_type type, enum bpf_attach_type attach, const char *name,
	     const struct bpf_insn *code, size_t count, char *log, size_t log_size)
	__attribute__((warn_unused_result));

/* Adds the program to those of the group (BPF_F_ALLOW_MULTI); 0 or -1 and errno. */
int bpf_attach(int group, enum bpf_attach_type attach, int program)
	__attribute__((warn_unused_result));

/* Takes the program from the group; 0 or -1 and errno. */
int bpf_detach(int group, enum bpf_attach_type attach, int program)
	__attribute__((warn_unused_result));

/*
 * The programs attached to the group itself, at most `max` ids; how many there are, which may be
 * more (never with ids beyond `max`); -1 and errno.
 */
int bpf_query(int group, enum bpf_attach_type attach, uint32_t *ids, uint32_t max)
	__attribute__((warn_unused_result));

/*
 * Takes every program whose name begins so from the group, wherever it is attached there; what the
 * kernel does not have is passed over. 0 or -1 and errno.
 */
int bpf_strip(int group, const char *prefix) __attribute__((warn_unused_result));

/* Reads the program's id and name; 0 or -1 and errno. */
int bpf_identify(int program, uint32_t *ret_id, char ret_name[BPF_OBJ_NAME_LEN])
	__attribute__((warn_unused_result));

/* Opens a program by its id and reads its name; a descriptor, or -1 and errno (ENOENT: gone). */
int bpf_open(uint32_t id, char ret_name[BPF_OBJ_NAME_LEN]) __attribute__((warn_unused_result));

/* A map that holds one number, 0 at first. A descriptor, or -1 and errno. */
int bpf_map_create(const char *name) __attribute__((warn_unused_result));

/* The map's id, and a map by its id; -1 and errno. */
int bpf_map_identify(int map, uint32_t *ret_id) __attribute__((warn_unused_result));
int bpf_map_open(uint32_t id) __attribute__((warn_unused_result));

/* Its number; 0 or -1 and errno. */
int bpf_map_get(int map, uint32_t *ret) __attribute__((warn_unused_result));
int bpf_map_set(int map, uint32_t value) __attribute__((warn_unused_result));

/*
 * The same for the interface with this number in the caller's network namespace (tcx, Linux 6.6):
 * the program runs before those that are there.
 */
int bpf_attach_interface(unsigned number, enum bpf_attach_type attach, int program)
	__attribute__((warn_unused_result));
int bpf_detach_interface(unsigned number, enum bpf_attach_type attach, int program)
	__attribute__((warn_unused_result));
int bpf_query_interface(unsigned number, enum bpf_attach_type attach, uint32_t *ids, uint32_t max)
	__attribute__((warn_unused_result));
