/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A digest that only the set itself has vouches for nothing: so it goes into a log
 * that is elsewhere, and into the journal of what is held, which then need not be looked at again
 * before it is ended.
 */
#include "guard/custody.h"

#include "guard/held.h"
#include "guard/hook.h"
#include "orlop/auto.h"

enum { LOCK_MS = 250 };

/* Whether a set with these options is as good as any that a policy may want. */
static bool suffices(const struct evidence_options *options)
{
	return options->memory != EVIDENCE_MEMORY_NONE && options->upper;
}

static void note_journal(int dir, const char *id, const char *set, bool still, struct arena *a)
{
	auto_journal j = JOURNAL_CLOSED;
	struct err ignored;

	/* One that is missing there is only taken once more. */
	if (journal_open(dir, id, LOCK_MS, a, &j, &ignored) != 0 || j.phase == JOURNAL_NONE ||
	    journal_evidence(&j, set, still, held_time(a), a, &ignored) < 0)
		return;
}

static const char *what_is_missing(const struct evidence_result *result)
{
	return result->stopped ? result->stopped : result->no_images;
}

bool custody_note(const char *root, const char *id, const struct evidence_options *options,
		  int code, const struct evidence_result *result, const struct err *why)
{
	static const char *const words[] = { "taken", "partial" };
	auto_arena a = ARENA_NONE;
	auto_held h = HELD_NONE;
	struct audit_entry entry = {
		.operation = "evidence", .id = id, .result = code < 0 ? "failed" : words[code > 0],
		.detail = code < 0 ? why->text : what_is_missing(result),
		.more = { { "set", options->output }, { "trigger", options->trigger } },
	};
	struct hook_event event = {
		.moment = POLICY_POST_EVIDENCE, .trigger = options->trigger,
		.result = entry.result, .more = { { "set", options->output } },
	};
	struct policy policy;
	struct err e;
	bool logged;

	if (code >= 0) {
		entry.more[2] = (struct audit_member){ "merkleRoot", result->root };
		event.more[1] = entry.more[2];
	}
	logged = audit_write(root, &entry, &e) == 0;
	if (code < 0 || held_find(root, id, &a, &h, &e) < 0)
		return logged;
	if (!result->stopped && suffices(options))
		note_journal(h.dir, id, options->output, result->still, &a);
	policy_load(h.dir, &a, &policy, &e);
	auto_fd int runs = hook_start(root, id, &policy, &event);
	return logged;
}
