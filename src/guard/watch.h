/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What the parts of a watcher share.
 */
#pragma once

#include <poll.h>

#include "guard/held.h"
#include "orlop/policy.h"

enum {
	WATCH_LISTENERS_MAX = 128,	/* one for each process that was started by orlop */
	WATCH_EVENTS = 4,
	WATCH_OWED_MAX = 16,
	WATCH_NOTE_MS = 10000,		/* between two notes about the same thing */
};

struct watch_event {
	int fd;				/* -1: not wanted */
	uint64_t count;
};

struct watch {
	const char *root, *id;
	struct held held;
	struct policy policy;
	int socket;
	struct watch_event events[WATCH_EVENTS];
	int listeners[WATCH_LISTENERS_MAX];
	size_t listener_count;
	/* Calls whose question freezing took back: they ask again, and are refused then. */
	struct {
		uint32_t tid;
		int call;
	} owed[WATCH_OWED_MAX];
	size_t owed_count;
	int64_t noted_ms;
	bool was_populated;
};

/* Opens what the policy wants to hear of; -1 when this container cannot tell it. */
int watch_events_open(struct watch *w, struct err *e) __attribute__((warn_unused_result));

/* Fills in what to poll for: WATCH_EVENTS. */
void watch_events_poll(const struct watch *w, struct pollfd *ret);

/* The name of an event that has happened since the last call, or NULL. */
const char *watch_events_happened(struct watch *w, size_t index, const struct pollfd *polled);

/* A question at a listener. -1 when the listener has come to its end. */
int watch_alarm_call(struct watch *w, int listener);

/* Something else happened that is an alarm. */
void watch_alarm_event(struct watch *w, const char *rule, const char *detail);
