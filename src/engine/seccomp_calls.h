/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. System calls by name: their numbers on an architecture. libseccomp is asked; calls that
 * are newer than it are in a table here, so that a profile that names them means the same with
 * every libseccomp.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SECCOMP_SHARED_MAX = 32 };

/* An architecture, and what was found out about it once. */
struct seccomp_arch {
	uint32_t token;			/* SCMP_ARCH_* */
	int64_t socketcall, ipc;	/* the numbers of the calls that others share; -1: none */
	int direct[2][SECCOMP_SHARED_MAX];	/* of socket and ipc calls; -1: none */
};

/* Gets to know an architecture. */
void seccomp_arch_init(struct seccomp_arch *arch, uint32_t token);

bool seccomp_arch_is_32bit(uint32_t token);
bool seccomp_arch_is_little(uint32_t token);

struct seccomp_call {
	uint32_t nr;
	bool shared;			/* only when its first argument is `first` */
	uint32_t first;
};

/* Fills in where the call is found and returns in how many places: none, one or two. */
size_t seccomp_call_find(const struct seccomp_arch *arch, const char *name,
			 struct seccomp_call ret[2]);
