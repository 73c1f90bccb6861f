/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. From the rules of a seccomp profile to the filter program that the kernel loads.
 *
 * What a profile means here, where the specification leaves it open, is what runc and libseccomp
 * made of it:
 *  - The native architecture is always in the filter. Another one that is not listed ends the
 *    process; so do x32's numbers on x86_64, unless x32 is listed.
 *  - Rules for one call are joined by "or", the conditions of a rule by "and"; but a rule with two
 *    conditions on one argument is as many rules. A rule that says what the default says is void.
 *  - The first rule without conditions decides its call; rules with conditions for it are void.
 *  - Names that an architecture does not have are passed over.
 *  - If the default is an errno, a number beyond the newest one that the profile names (for its
 *    architecture) gets ENOSYS, because libraries try new calls and fall back.
 *  - On 32-bit architectures and x32 the lower halves of arguments and values are compared. Calls
 *    that share a number there (socketcall, ipc) are told apart by their first argument, whose
 *    place a condition on the first argument loses.
 * Where two rules with conditions match one call and say different things, the stricter one
 * counts, as between two filters in the kernel. libseccomp lets the values in the conditions
 * decide that, or refuses.
 *
 * We emit the program ourselves; names and numbers come from libseccomp. Its own generator (2.5.4)
 * takes 15 to 29 ms for 345 names and three architectures, where ours takes 0.14 ms and makes less
 * than half as many instructions; it answers wrongly when two rules order one 64-bit argument,
 * sometimes forgets to load the call's number, and does not return from some pairs of rules with a
 * masked comparison. tests/unit/test_seccomp.c holds both programs against each other, and against
 * a plain reading of the profile. There is no cache of programs: in a fresh process, with all page
 * faults, the default profile with its five architectures takes 0.45 ms, which is within what a
 * cached filter may cost (0.5 ms), and what is not there cannot be tampered with.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/oci_config.h"

struct seccomp_filter {
	struct sock_filter *code;
	size_t count;
	uint32_t flags;		/* SECCOMP_FILTER_FLAG_* for seccomp(2); NEW_LISTENER included */
	bool notify;		/* some rule asks the listener */
};

/*
 * Compiles; the program is in the arena. `kernel_flags` are the flags that the kernel takes
 * (host_facts.seccomp_flags). Errors name the member: an action or operator that is missing, an
 * argument or errno out of range, a flag that the kernel does not take, a filter longer than the
 * kernel's limit.
 */
int seccomp_compile(const struct oci_seccomp *rules, uint32_t kernel_flags, struct arena *a,
		    struct seccomp_filter *ret, struct err *e)
	__attribute__((warn_unused_result));

/* As seccomp_compile for a machine of the given architecture (SCMP_ARCH_*), for tests. */
int seccomp_compile_for(const struct oci_seccomp *rules, uint32_t native, uint32_t kernel_flags,
			struct arena *a, struct seccomp_filter *ret, struct err *e)
	__attribute__((warn_unused_result));
