/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the probe share: adding a line, reading a small file, trying something in a
 * child. Included by probe*.c alone.
 */
#pragma once

#include <stdbool.h>

#include "host/probe.h"

struct probe {
	struct arena *arena;
	struct probe_report report;
	size_t room;
};

/* Adds a line that is well. */
void probe_ok(struct probe *p, const char *topic, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds a line that is not well, with what to change. */
void probe_not(struct probe *p, enum probe_grade grade, const char *topic, const char *advice,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A file's text without its last newline, or NULL. */
const char *probe_file(struct probe *p, const char *path);

/* True when `word` is one of the words of a line or list; separators are those given. */
bool probe_has_word(const char *list, const char *word, const char *separators);

/*
 * Runs `attempt` in a child: 0 when it returned 0, the errno value it failed with otherwise. The
 * child ends; namespaces and mounts that it made end with it.
 */
int probe_in_child(int (*attempt)(void *argument), void *argument);

/* Whether this is the host's root, and not that of a user namespace. */
bool probe_is_root(struct probe *p);

void probe_kernel(struct probe *p);	/* version, system calls, memory files, filters */
void probe_namespaces(struct probe *p);	/* each type, limits, id-mapped mounts */
void probe_mounts(struct probe *p);	/* file systems, the mount interface, where we run */
void probe_cgroups(struct probe *p);	/* the hierarchy and its controllers */
void probe_user(struct probe *p);	/* what differs for who is not root; nothing for root */
void probe_system(struct probe *p);	/* privileges, security modules, helpers, systemd */
