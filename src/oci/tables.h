/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binding tables of the specification's larger objects, each in the file of its name. Only
 * the files of oci/ include this; the world outside has orlop/oci_config.h. PURE.
 */
#pragma once

#include "json/bind.h"
#include "orlop/oci_config.h"

extern const struct bind oci_process_rows[];	/* process.c */
extern const struct bind oci_hooks_rows[];	/* hooks.c */
extern const struct bind oci_linux_rows[];	/* linux.c */
extern const struct bind oci_id_map_rows[];	/* linux.c */
extern const struct bind oci_resources_rows[];	/* resources.c */
extern const struct bind oci_seccomp_rows[];	/* seccomp.c */

enum {
	/* The kernel's numbers of a device: 12 and 20 bits. Larger ones would be cut silently. */
	OCI_MAJOR_MAX = 0xfff,
	OCI_MINOR_MAX = 0xfffff,
};

/* 4294967295 means "nobody in particular" to the kernel: chown and setuid take it for "keep". */
#define OCI_ID_MAX (UINT32_MAX - 1)
