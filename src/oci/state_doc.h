/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a container as the specification's JSON document: what `state` and `list` print
 * and what hooks and the seccomp agent are sent. PURE.
 */
#pragma once

#include <sys/types.h>

#include "json/emit.h"
#include "orlop/value.h"

struct state_doc {
	const char *oci_version, *id;
	pid_t pid;			/* 0 when stopped */
	const char *status, *bundle;	/* the bundle absolute */
	const char *rootfs;		/* this and the next: NULL leaves the member out */
	const char *created;		/* RFC 3339 */
	struct pair_list annotations;	/* left out when empty */
	const char *owner;		/* "" is written, NULL leaves it out */
	const char *remediation;	/* JSON; NULL leaves it out */
};

/* Writes the object into a document, under `key` as emit.h says. */
void state_doc_put(struct emit *m, const char *key, const struct state_doc *state);

/* The document on its own, `indent` spaces for each level (0: one line), no newline at its end. */
const char *state_doc_text(const struct state_doc *state, unsigned indent, struct arena *a);
