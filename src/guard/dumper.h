/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process in which criu is talked to for evidence. What it looks at is the container's, and may
 * never answer; so it can be ended, and the set goes on without it.
 */
#pragma once

#include "orlop/arena.h"
#include "orlop/evidence.h"

struct dumper {
	evidence_dumper *dump;
	const void *context;
	const char *id;
	int directory;
	int wait_ms;
	/* Asked now and then; a text is the reason to come to an end. */
	const char *(*over)(void *argument);
	/* Hears what is not in the images. */
	void (*note)(void *argument, const char *text);
	void *argument;
};

/*
 * Runs it and waits for its end. NULL when the images are there, or why they are not. When it was
 * over and nothing helped, criu may still be there, with processes that it stopped.
 */
const char *dumper_run(const struct dumper *d, struct arena *a);
