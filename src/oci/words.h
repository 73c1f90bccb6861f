/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words that the specification and the kernel own, and what each stands for. Each table is
 * read in both directions: by the configuration, by the dump and the features document, by
 * messages. PURE.
 */
#pragma once

#include <stdint.h>

#include "base/names.h"
#include "orlop/oci_config.h"

/* Namespaces, indexed by enum oci_ns, which is the order in which they are joined. */
struct words_ns {
	const char *word;
	uint64_t flag;		/* CLONE_NEW* */
	const char *proc;	/* the file below /proc/PID/ns */
};

extern const struct words_ns words_ns[OCI_NS_COUNT_];
extern const struct name words_namespaces[];		/* enum oci_ns */

extern const struct name words_capabilities[];		/* CAP_*: a bit's number */
extern const struct name words_rlimits[];		/* RLIMIT_* */
extern const struct name words_propagation[];		/* enum oci_propagation */
extern const struct name words_device_types[];		/* enum oci_device_type, for nodes */
extern const struct name words_rule_types[];		/* enum oci_device_type, for rules */

extern const struct name words_seccomp_actions[];	/* enum oci_seccomp_action */
extern const struct name words_seccomp_ops[];		/* enum oci_seccomp_op */
extern const struct name words_seccomp_archs[];		/* SCMP_ARCH_* tokens */
extern const struct name words_seccomp_flags[];		/* SECCOMP_FILTER_FLAG_* */

extern const struct name words_sched_policies[];	/* SCHED_* */
extern const struct name words_sched_flags[];		/* SCHED_FLAG_* */
extern const struct name words_io_classes[];		/* IOPRIO_CLASS_* */
extern const struct name words_mempolicy_modes[];	/* MPOL_* */
extern const struct name words_mempolicy_flags[];	/* MPOL_F_* */
extern const struct name words_personalities[];		/* PER_* */

/* Signals by their bare names ("TERM"), several for some numbers; the first is the usual one. */
extern const struct name words_signals[];

enum {
	WORDS_SCHED_ISO = 4,	/* reserved by the kernel and not in its headers */

	/* What user programs call SIGRTMIN: the two numbers below it are the C library's. */
	WORDS_SIGRTMIN = 34,
	WORDS_SIGRTMAX = 64,
};

/*
 * The number of a signal: "15", "TERM", "SIGTERM" in any case, "RTMIN+3", "SIGRTMAX-1"; 0 is
 * allowed, as kill(2) allows it. -1 for anything else.
 */
int words_signal(const char *word);
