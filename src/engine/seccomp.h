/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. From the rules of the plan to the filter program that the kernel loads. libseccomp
 * resolves names, architectures and features and is the reference for what a filter means.
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
 * Compiles. `cache` is a directory of ours for compiled filters, or -1; an entry that is not ours
 * or does not check out is ignored and replaced.
 */
int seccomp_compile(const struct oci_seccomp *rules, int cache, struct arena *a,
		    struct seccomp_filter *ret, struct err *e)
	__attribute__((warn_unused_result));
