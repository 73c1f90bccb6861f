/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a container that has gone bad. Works on a cgroup and a state directory alone: the
 * configuration may be broken, the record unreadable, the engine mistaken. Nothing here waits
 * longer than it was told to, and nothing is claimed that was not read back from the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/value.h"

/* A condition of guard_freeze: the time is over and not everybody stands still. */
enum { GUARD_NOT_FROZEN = 1 };

/* A thread that is not frozen although that was asked for. */
struct guard_task {
	pid_t pid, tid;
	char state;		/* as proc(5) has it */
	bool in_kernel;		/* it waits in the kernel, and runs no code of its own there */
	const char *name, *where;	/* where: the kernel function that it waits in, or "" */
};

struct guard_tasks {
	struct guard_task *items;
	size_t count;
	size_t more;		/* threads beyond those listed */
};

/*
 * Asks for the group to be frozen and waits for cgroup.events to say so, at most timeout_ms. 0;
 * GUARD_NOT_FROZEN with those that are not in *ret, and the request left standing; -1.
 */
int guard_freeze(int group, unsigned timeout_ms, struct arena *a, struct guard_tasks *ret,
		 struct err *e) __attribute__((warn_unused_result));

/* Takes the request back. 0; 1 when it stays frozen (a group above is) after timeout_ms; -1. */
int guard_thaw(int group, unsigned timeout_ms, struct err *e) __attribute__((warn_unused_result));

/* Whether the freezing of the group is asked for (cgroup.freeze), whatever came of it. */
bool guard_freeze_asked(int group);

/* PURE. Whether nobody refuses: all would be frozen if they only got a processor. */
bool guard_tasks_only_late(const struct guard_tasks *tasks);

/* "12 (name) D in do_wait, 14 (name) R": the tasks for a message, who is only late at the end. */
const char *guard_tasks_text(const struct guard_tasks *tasks, struct arena *a);

/* ---- quarantine ---- */

/* What became of one mechanism. */
enum guard_outcome {
	GUARD_APPLIED,		/* it is in force, and that was read back */
	GUARD_UNSUPPORTED,	/* this host does not have it */
	GUARD_BUSY,		/* it was asked for and is not complete; the detail says for whom */
	GUARD_FAILED,		/* it should have worked */
	GUARD_OUTCOME_COUNT_
};

enum guard_result { GUARD_CONTAINED, GUARD_PARTIAL, GUARD_NOTHING, GUARD_RESULT_COUNT_ };

struct guard_mechanism {
	const char *name;
	enum guard_outcome outcome;
	const char *detail;		/* or NULL */
};

/* What holds something that the programs of the cut do not cover. */
enum guard_held {
	GUARD_HELD_FROZEN,	/* nobody executes who could use it */
	GUARD_HELD_CUT,		/* its network is cut at the namespace, or it does not leave */
	GUARD_HELD_OPEN,	/* nothing does: data may leave by it */
	GUARD_HELD_COUNT_
};

/* A way out that was found. */
struct guard_finding {
	const char *kind;	/* "packet-socket", "foreign-socket", "unix-socket", ... */
	pid_t pid;		/* one that has it; 0: none in particular */
	int fd;			/* -1: no descriptor */
	enum guard_held held;
	const char *detail;
};

struct guard_request {
	const char *id, *reason;	/* reason: NULL when none was given */
	const char *trigger;		/* what asked: "pause", "update", ...; NULL: the command */
	bool observe;			/* thawed inside the cut */
	bool sever;			/* end established connections */
	struct str_list allow;		/* "CIDR[:port]" */
	unsigned timeout_ms;		/* for freezing */
	/* Called when all is asked for and cut, before anybody is waited for; NULL: not wanted. */
	void (*in_force)(void *argument);
	void *argument;
};

struct guard_report {
	const char *id, *time, *reason;
	bool observe;
	enum guard_result result;
	LIST_OF(struct guard_mechanism) mechanisms;	/* as they were put in place */
	struct guard_tasks tasks;	/* not frozen although they should be */
	LIST_OF(struct guard_finding) findings;
	uint64_t elapsed_us;
};

/*
 * Holds the container `id` below the directory `root`: cut off, frozen, limited, and looked over
 * for what that does not cover. Safe to repeat, and to be killed at any point: a repeated one, or
 * a release, completes what is there. Nothing is taken back because a time was over. -1 only when
 * there was nothing to hold (no such container, none of its processes, no cgroup).
 */
int guard_quarantine(const char *root, const struct guard_request *request, struct arena *a,
		     struct guard_report *ret, struct err *e) __attribute__((warn_unused_result));

/*
 * Takes everything back, what was changed last first, and reads each back. The result is
 * GUARD_CONTAINED when it is all done, GUARD_PARTIAL when something stayed (and the container
 * stays in quarantine). -1 when it is not in quarantine.
 */
int guard_release(const char *root, const char *id, const char *reason, struct arena *a,
		  struct guard_report *ret, struct err *e) __attribute__((warn_unused_result));

/* Whether a text is something that guard_request.allow may have. 0 or -1. */
int guard_check_allow(const char *text, struct err *e) __attribute__((warn_unused_result));

/* "contained", "contained-partial", "failed". */
const char *guard_result_word(enum guard_result result);
/* "applied", "unsupported", "busy", "failed". */
const char *guard_outcome_word(enum guard_outcome outcome);
/* "frozen", "cut", "open". */
const char *guard_held_word(enum guard_held held);

/*
 * Puts the programs of the cut on a new group, letting everything through, so that a quarantine
 * has one number to write; `dir` is the container's directory. 0 or -1.
 */
int guard_arm(int dir, int group, struct err *e) __attribute__((warn_unused_result));

/* ---- alarms ---- */

/* Somebody who watches says that a container does what it should not. */
struct guard_alarm {
	const char *id, *source, *rule, *detail;	/* detail: NULL when there is none */
};

enum { GUARD_ALARMS_FULL = 1 };

/*
 * Notes an alarm in the container's directory (the file "alarms", a JSON object on each line) and
 * in the audit log, and starts the policy's hooks for it; what is to be done about it is the
 * caller's. 0; GUARD_ALARMS_FULL when there were so many that this one is noted nowhere; -1.
 */
int guard_alarm(const char *root, const struct guard_alarm *alarm, struct err *e)
	__attribute__((warn_unused_result));

/* Whether there ever was an alarm. */
bool guard_alarmed(int dir);

/* ---- before it is ended ---- */

struct guard_end {
	bool concerned;		/* it is held, alarmed about or has a policy: its end is audited */
	const char *evidence;	/* what was kept of it, in words; NULL: nothing was wanted */
};

/*
 * To be called before SIGKILL or delete: takes evidence where the quarantine or the policy wants
 * it and there is none yet, and leaves the container frozen. Returns within the policy's budget,
 * whatever happens; who kills then kills.
 */
void guard_before_end(const char *root, const char *id, int dir, struct arena *a,
		      struct guard_end *ret);

/*
 * Whether signals other than SIGKILL are kept from the container: they would end a frozen process
 * that is not its first at once, and with it what it holds in memory.
 */
bool guard_holds_back(int dir, const char *id);

/*
 * Takes evidence now, where and how the policy says, and waits for it within the budget. 0 with
 * the name of the set; -1 when there is none, or it is not whole.
 */
int guard_evidence(const char *root, const char *id, int dir, const char *trigger,
		   struct arena *a, const char **ret_set, struct err *e)
	__attribute__((warn_unused_result));

/* Whether what is done to the container belongs in the audit log. */
bool guard_concerns(int dir);

/* ---- for the other operations ---- */

/*
 * What `state` shows of a quarantine: a JSON object and in *ret_word its one word, or NULL when
 * there is none. `dir` is the container's directory, `group` its cgroup or -1. Never waits.
 */
const char *guard_state(int dir, const char *id, int group, struct arena *a,
			const char **ret_word);

/* Refuses (ERR_HELD) what a container in quarantine may not do; `what` is the verb. */
int guard_refuse(int dir, const char *id, const char *what, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Lets a container that is frozen because evidence of it is being taken stay so at the end of that.
 * False when nothing of the kind is going on, or it was to stay already.
 */
bool guard_stay_paused(int dir);

/*
 * Thaws the group, unless a quarantine holds it (ERR_HELD) or begins meanwhile. 0; 1 when it stays
 * frozen because a group above is; -1.
 */
int guard_resume(int dir, const char *id, int group, unsigned timeout_ms, struct err *e)
	__attribute__((warn_unused_result));

/*
 * As guard_resume, for whoever asked for the freeze himself and gives it up: what stands still for
 * evidence goes on only when that is done.
 */
int guard_give_up(int dir, const char *id, int group, unsigned timeout_ms, struct err *e)
	__attribute__((warn_unused_result));
